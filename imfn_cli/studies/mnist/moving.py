"""Moving-MNIST clips at 28×28: two digits at half size that drift and bounce, rendered from MNIST."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .sequences import PIXELS, SIDE, Digits, unit

_DIGIT = SIDE // 2
_DIGITS = 2
_SPEED = 2


def moving_clips(digits: Digits, count: int, length: int, *, seed: int) -> Tensor:
    """`count` clips of `length` frames: (count, length, 784) in [0, 1].

    Each digit is a random image at 14×14 (means of 2×2 pixels), starts anywhere and moves by −2 … 2 whole
    pixels a frame each way, never standing still; at the border it turns back. Where two overlap, the
    brighter counts.
    """
    random = np.random.default_rng(seed)
    chosen = digits.images[torch.from_numpy(random.integers(len(digits), size=(count, _DIGITS)))]
    small = functional.avg_pool2d(unit(chosen).reshape(-1, 1, SIDE, SIDE), 2)
    small = small.reshape(count, _DIGITS, _DIGIT, _DIGIT)
    room = SIDE - _DIGIT
    start = random.integers(0, room + 1, (count, _DIGITS, 2))
    speeds = np.array(
        [(y, x) for y in range(-_SPEED, _SPEED + 1) for x in range(-_SPEED, _SPEED + 1) if y or x]
    )
    speed = speeds[random.integers(len(speeds), size=(count, _DIGITS))]
    # Unfolded, a bouncing path is a straight line: there and back again every 2 · room pixels.
    time = np.arange(length)[:, None, None, None]
    place = np.abs((start + speed * time + room) % (2 * room) - room)  # (length, count, digits, 2)
    clips = torch.zeros(count, length, SIDE, SIDE)
    for t in range(length):
        for clip in range(count):
            for digit in range(_DIGITS):
                top, left = place[t, clip, digit]
                part = clips[clip, t, top : top + _DIGIT, left : left + _DIGIT]
                torch.maximum(part, small[clip, digit], out=part)
    return clips.reshape(count, length, PIXELS)
