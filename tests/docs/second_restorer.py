"""The second half of the second decoder, after docs/FORMAT.md: memories to frames in numpy.

For linear models of gray frames, which is what the fixtures are of.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .second_decoder import Field, MemoryDecoder, Model, Tensor, decode_latent, read_latent
from .second_whole import Ints, WholeNetwork, clipped, step_of

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]


class Network:
    """Section 8: leaf transform and sweepers of a linear model of gray frames."""

    def __init__(self, model: Model, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.ph, self.pw = model.patch
        self.h, self.w = -(-height // self.ph), -(-width // self.pw)
        self.weights = {name: array_of(tensor) for name, tensor in model.weights.items()}

    def _map(self, name: str) -> tuple[Floats, Floats]:
        return self.weights[f"{name}.map.weight"], self.weights[f"{name}.map.mean"]

    def merge(self, frames: Pixels) -> Floats:
        """Frames (r, H, W) → their memory (C, h, w)."""
        below, right = self.h * self.ph - self.height, self.w * self.pw - self.width
        padded = np.pad(frames / 255, ((0, 0), (0, below), (0, right)), mode="edge")
        cut = padded.reshape(-1, self.h, self.ph, self.w, self.pw).transpose(0, 1, 3, 2, 4)
        weight, mean = self._map("leaf")
        memories = (cut.reshape(-1, self.h, self.w, self.ph * self.pw) - mean) @ weight.T
        level = 0
        while len(memories) > 1:
            weight, mean = self._map(f"sweepers.{level}")
            memories = (np.concatenate((memories[0::2], memories[1::2]), axis=-1) - mean) @ weight.T
            level += 1
        return np.moveaxis(memories[0], -1, 0)

    def split(self, memory: Floats, level: int) -> Pixels:
        """A memory (C, h, w) of `level` → its frames (2^level, H, W)."""
        memories = np.moveaxis(memory, 0, -1)[None]
        for below in reversed(range(level)):
            weight, mean = self._map(f"sweepers.{below}")
            pairs = memories @ weight + mean
            memories = np.stack(np.split(pairs, 2, axis=-1), axis=1).reshape(-1, *memories.shape[1:])
        weight, mean = self._map("leaf")
        cut = (memories @ weight + mean).reshape(-1, self.h, self.w, self.ph, self.pw)
        frames = cut.transpose(0, 1, 3, 2, 4).reshape(-1, self.h * self.ph, self.w * self.pw)
        return as_pixels(255 * frames[:, : self.height, : self.width])


def array_of(tensor: Tensor) -> Floats:
    """A tensor's numbers as an array."""
    return np.array(tensor.data, np.float64).reshape(tensor.shape)


def as_pixels(values: Floats) -> Pixels:
    """Rounded half to even and clipped."""
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def compensate(reference: Pixels, field: Field, block: tuple[int, int], ratio: int) -> Pixels:
    """Section 7: the compensated window (ratio, H, W)."""
    height, width = reference.shape
    y, x = np.mgrid[:height, :width]
    vectors = np.empty((2, height, width))
    for row in range(height):
        for column in range(width):
            vectors[:, row, column] = field.vectors[row // block[0], column // block[1]]
    unit = min(1.0, ratio / 4)
    frames = [
        bicubic(reference, y - t / ratio * unit * vectors[1], x - t / ratio * unit * vectors[0])
        for t in range(1, ratio + 1)
    ]
    return as_pixels(np.stack(frames))


def bicubic(picture: Pixels, y: Floats, x: Floats) -> Floats:
    """The picture at (y, x), the border repeated outside."""
    height, width = picture.shape
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    total = np.zeros(y.shape)
    for i in range(-1, 3):
        for j in range(-1, 3):
            rows, columns = np.clip(top + i, 0, height - 1), np.clip(left + j, 0, width - 1)
            total += picture[rows, columns] * kernel(y - top - i) * kernel(x - left - j)
    return total


def kernel(distance: Floats) -> Floats:
    """The bicubic kernel of a = −0.75."""
    a, d = -0.75, np.abs(distance)
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def restore_latent(path: Path, model: Model) -> Pixels:
    """All frames of a latent (T, H, W)."""
    header, nodes, _ = read_latent(path)
    if header.get("whole_numbers") or "chain" not in header:
        whole = WholeNetwork(model, header["height"], header["width"])
        shown = np.concatenate([whole.frames(memory, level) for level, memory in whole_memories(path, model)])
        return ((shown[:, : header["height"], : header["width"]] + 8) >> 4).astype(np.uint8)
    network = Network(model, header["height"], header["width"])
    step = 2 ** ((100 - header["quality"]) / 10) / 255
    block = 2 * network.ph, 2 * network.pw
    frames: list[Pixels] = []
    for node, (field, decoded) in zip(nodes, decode_latent(path, model), strict=True):
        memory = coded_memory(decoded, model) * step
        if field is not None:
            window = compensate(frames[-1][-1], field, block, 1 << node.level)
            memory += predicted(network.merge(window), field, model)
        frames.append(network.split(memory, node.level))
    return np.concatenate(frames)


def whole_memories(path: Path, model: Model) -> Iterator[tuple[int, Ints]]:
    """Section 7: level and memory (C, h, w) of each node of a latent whose references are no floats."""
    header, nodes, _ = read_latent(path)
    network, step = WholeNetwork(model, header["height"], header["width"]), step_of(header["quality"])
    reference = np.zeros((0, 0), np.int64)
    for node, (field, decoded) in zip(nodes, decode_latent(path, model), strict=True):
        values = coded_memory(decoded, model).astype(np.float32).astype(float)
        memory = clipped(np.floor(values * step + 0.5).astype(np.int64))
        if field is not None:
            memory = clipped(memory + network.predicted(reference, field, node.level))
        reference = network.frames(memory, node.level)[-1]
        yield node.level, memory


def coded_memory(decoded: MemoryDecoder, model: Model) -> Floats:
    """The decoded memory (C, h, w) in steps."""
    memory = np.zeros((model.groups[-1][0], decoded.h, decoded.w))
    for (channel, (y, x)), value in decoded.steps.items():
        memory[channel, y, x] = value
    return memory


def predicted(memory: Floats, field: Field, model: Model) -> Floats:
    """What of the compensated window's memory (C, h, w) counts."""
    result, low = np.zeros_like(memory), 0
    for (end, _), gain in zip(model.groups, field.gains, strict=True):
        result[low:end] = gain / 8 * memory[low:end]
        low = end
    for (row, column), intra in field.intra.items():
        if intra:
            result[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = 0
    return result
