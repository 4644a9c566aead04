"""Renders examples/clip.mp4: hills in the evening sun, three balls, a sign.

    python examples/render_clip.py [OUTPUT [FRAMES]]

Everything is computed here from fixed seeds: 108 frames of 320×240, 25 a second.
"""

import sys
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from imfn_cli.media import SequenceInfo, open_writer

HEIGHT, WIDTH, RATE = 240, 320, 25
Y, X = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
SUN = np.array([-0.55, -0.6, 0.58])  # towards the light: left, up, to the viewer


def noise(height: int, width: int, cell: int, seed: int) -> np.ndarray:
    """Fractal noise (height, width) in about −1 … 1: random lattices of ever smaller cells."""
    random = np.random.default_rng(seed)
    total = np.zeros((height, width))
    weight = 0.5
    while cell >= 2:
        lattice = random.uniform(-1, 1, (height // cell + 2, width // cell + 2)).astype(np.float32)
        total += weight * np.asarray(
            Image.fromarray(lattice).resize((width, height), Image.Resampling.BICUBIC)
        )
        cell, weight = cell // 2, weight / 1.7
    return total


def panned(layer: np.ndarray, shift: float) -> np.ndarray:
    """The WIDTH columns of a wider layer that begin at `shift`, a fraction of a pixel included."""
    whole = int(shift)
    left, right = layer[:, whole : whole + WIDTH], layer[:, whole + 1 : whole + WIDTH + 1]
    shifted: np.ndarray = left + (shift - whole) * (right - left)
    return shifted


def mixed(below: np.ndarray, above: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """`above` over `below`; alpha (H, W) in 0 … 1."""
    mixture: np.ndarray = below + alpha[..., None] * (above - below)
    return mixture


class Landscape:
    """Sky, clouds, and three ridges, the nearer the faster as the camera pans."""

    RIDGES = (
        (122, 26, 90, (118, 122, 150), 0.25),
        (148, 20, 60, (84, 104, 92), 0.55),
        (186, 9, 80, (96, 112, 52), 1.1),
    )

    def __init__(self) -> None:
        wide = WIDTH + 160
        self.clouds = noise(HEIGHT, wide, 64, 1)
        self.ridges = []
        for index, (base, height, cell, colour, speed) in enumerate(self.RIDGES):
            top = base + height * noise(4, wide, cell, 10 + index)[0]
            bumps = noise(HEIGHT, wide, 24 >> index, 20 + index)
            slope = np.gradient(bumps, axis=1) * 1.2 - np.gradient(bumps, axis=0)
            self.ridges.append((top, 0.12 * bumps + 0.5 * slope, np.array(colour, float), speed))

    def frame(self, t: int) -> np.ndarray:
        """Frame `t`: (HEIGHT, WIDTH, 3) in 0 … 255."""
        height = (Y / 150).clip(0, 1)
        picture = (1 - height[..., None]) * (92, 132, 186) + height[..., None] * (250, 206, 158)
        glow = np.exp(-((X - 70) ** 2 + (Y - 92) ** 2) / 3600)
        picture = mixed(picture, np.array((255, 238, 196.0)), 0.75 * glow)
        cover = (panned(self.clouds, 0.35 * t) * 1.6 - 0.1 + 0.2 * (1 - height)).clip(0, 1) * (
            1 - 0.4 * height
        )
        picture = mixed(picture, np.array((252, 240, 230.0)), 0.7 * cover)
        for top, relief, colour, speed in self.ridges:
            edge = panned(top[None], speed * t)
            lit = 1.04 + panned(relief, speed * t) - 0.0012 * (Y - edge)
            # The shadow of a cloud wanders over the land.
            lit = lit * (1 - 0.22 * np.exp(-(((X - 3.2 * t + 40) / 60) ** 2)))
            picture = mixed(picture, colour * lit[..., None], (Y - edge + 0.5).clip(0, 1))
        return picture


def ball(
    picture: np.ndarray, t: int, x: float, radius: float, pace: float, colour: tuple[int, int, int]
) -> np.ndarray:
    """A shaded ball that bounces on the meadow, its shadow below it."""
    ground = 208 + radius / 3
    phase = (t / pace) % 1
    lift = 4 * phase * (1 - phase)
    y = ground - radius - 74 * lift
    shade = np.exp(
        -(((X - x - 22 * lift) / (radius * (1 + lift))) ** 2) - ((Y - ground) / (radius * 0.35)) ** 2
    )
    picture = picture * (1 - 0.55 * (1 - 0.6 * lift) * shade[..., None])
    dx, dy = (X - x) / radius, (Y - y) / radius
    distance = np.hypot(dx, dy)
    normal = np.stack((dx, dy, np.sqrt((1 - distance**2).clip(0))), axis=-1)
    # Two-coloured quarters that roll along.
    turn = 0.09 * t
    stripe = 1 / (1 + np.exp(-9 * np.sin(np.arctan2(dy, dx) * 2 - 2 * turn)))
    base = mixed(
        np.broadcast_to(np.array(colour, float), (HEIGHT, WIDTH, 3)), np.array((236, 232, 222.0)), stripe
    )
    diffuse = (normal @ SUN).clip(0, 1)[..., None]
    shine = 190 * (2 * diffuse[..., 0] * normal[..., 2] - SUN[2]).clip(0, 1)[..., None] ** 16
    return mixed(picture, base * (0.34 + 0.75 * diffuse) + shine, ((1 - distance) * radius + 0.5).clip(0, 1))


def sign(size: int = 200) -> Image.Image:
    """The letters IMFN on a round wooden board."""
    board = Image.new("RGBA", (size, size))
    draw = ImageDraw.Draw(board)
    draw.ellipse((4, 4, size - 4, size - 4), fill=(120, 78, 44, 255), outline=(72, 44, 24, 255), width=9)
    grain = 26 * noise(size, size, 8, 5)[:, ::-1] + 22 * np.sin(np.arange(size) / 3.1)[:, None]
    pixels = np.asarray(board).astype(float)
    pixels[..., :3] += grain[..., None]
    board = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    font = ImageFont.load_default(58)
    ImageDraw.Draw(board).text((size / 2, size / 2), "IMFN", (250, 236, 200), font, "mm")
    return board


def turned(picture: np.ndarray, board: Image.Image, t: int) -> np.ndarray:
    """The sign over the picture, swinging to and fro while it comes a little nearer."""
    angle, side = 24 * np.sin(t / 11), int(74 + 8 * np.sin(t / 17))
    small = board.rotate(angle, Image.Resampling.BICUBIC).resize((side, side), Image.Resampling.LANCZOS)
    whole = Image.new("RGBA", (WIDTH, HEIGHT))
    whole.paste(small, (238 - side // 2, 62 - side // 2))
    pixels = np.asarray(whole).astype(float)
    return mixed(picture, pixels[..., :3], pixels[..., 3] / 255)


def frames(count: int) -> Iterator[np.ndarray]:
    """The first `count` frames of the clip, one by one: uint8 (HEIGHT, WIDTH, 3)."""
    land, board = Landscape(), sign()
    for t in range(count):
        picture = turned(land.frame(t), board, t)
        picture = ball(picture, t + 9, 250 - 0.5 * t, 13, 33, (40, 92, 158))
        picture = ball(picture, t + 20, 60 + 1.2 * t, 19, 41, (196, 62, 40))
        picture = ball(picture, t, 130 + 0.9 * t, 10, 27, (222, 164, 30))
        # As a camera sees it: a little grain.
        picture = picture + np.random.default_rng(1000 + t).normal(0, 1.2, picture.shape)
        yield picture.round().clip(0, 255).astype(np.uint8)


if __name__ == "__main__":
    output = sys.argv[1] if len(sys.argv) > 1 else "examples/clip.mp4"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 108
    info = SequenceInfo(WIDTH, HEIGHT, 3, Fraction(1, RATE), Fraction(RATE), count, "video", 0)
    with open_writer(output, info, force=True) as writer:
        for time, pixels in enumerate(frames(count)):
            writer.write(pixels, time)
