"""Chains: nodes that build on one another, in time order.

The first node of a chain, its key node, stands alone. Of every other the frame before its window is known
once the node before is restored; carried on along the motion (`network/motion.py`) it gives a forecast of the
window, and the same tree merges the forecast into a forecast of the memory. Only the difference is coded:

    frame before ──motion──▶ forecast (r frames) ──tree──▶ forecast memory ─gains─┐
    memory ───────────────────────────────────────────────────────────────────── − ──quantise + rANS──▶ node

Blocks that the forecast does not help stand alone. No symbol, and no table, depends on the forecast, which is
made in floating point: another machine may come to slightly different pixels, and never loses the file.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..bitstream.entropy.motion_field import GAIN_UNIT, MotionField, decode_motion_field, encode_motion_field
from ..bitstream.entropy.varint import read_varint, varint
from ..bitstream.quantiser import step_of_quality
from ..motion.motion import BLOCK_PATCHES, block_grid, compensate, estimate_motion, luma
from ..network import RootCoding
from ..zoo.model import Model
from .node_builders import TreeNodeBuilder
from .synthesis import batch_frames, restored_parts

Floats = NDArray[np.float32]


class NodeParts(NamedTuple):
    """A node's bytes, parsed as far as that goes without the nodes before.

    symbols (C, h, w) int32; values (C, h, w), the memory or its difference to the forecast, in the pixels'
    unit; motion: bytes of how the forecast is made, None for a key node.
    """

    symbols: NDArray[np.int32]
    values: Floats
    motion: bytes | None


class Looks:
    """Keeps, of frames that come one by one, those that motion is looked for in (`network.motion.looks`).

    They are the middle and the last frame of each node; two for every pending node are enough, as one memory
    is for each in `BinaryCounter`.
    """

    def __init__(self, level: int) -> None:
        self._level = level
        self._pending: list[tuple[int, NDArray[np.uint8], NDArray[np.uint8]]] = []

    def feed(self, bright: NDArray[np.uint8]) -> None:
        """Take the next frames' brightness, (T, H, W)."""
        for frame in bright:
            level, middle, end = 0, frame, frame
            while self._pending and self._pending[-1][0] == level and level < self._level:
                _, _, middle = self._pending.pop()
                level += 1
            self._pending.append((level, middle, end))

    def pop(self, level: int) -> NDArray[np.uint8]:
        """The looks at the oldest node, which is of `level`: (L, H, W)."""
        found, middle, end = self._pending.pop(0)
        assert found == level, "nodes come in order"
        return np.stack([middle, end] if level else [end])


class Chain:
    """One chain after another, as it is coded or restored: the frame before, and its motion.

    size: (H, W, 1 or 3) of the frames. quality: 0 … 100, of all nodes.
    """

    def __init__(self, model: Model, size: tuple[int, int, int], quality: int) -> None:
        self.model, self.size, self.quality = model, size, quality
        self.step = step_of_quality(quality)
        height, width, _ = size
        config = model.network.config
        self.grid = config.grid(height, width)
        self.block = BLOCK_PATCHES * config.patch_height
        self.blocks = block_grid(height, width, self.block)
        self._before = self._no_motion()
        self._level: int | None = None
        self._last: Tensor | None = None

    def _no_motion(self) -> NDArray[np.int32]:
        return np.zeros((2, *self.blocks), np.int32)

    # -- coding ---------------------------------------------------------------------------------------------

    def encode(self, level: int, memory: Tensor, search_frames: NDArray[np.uint8], *, key: bool) -> bytes:
        """The bytes of the next node: memory (1, C, h, w) of `level`.

        looks (L, H, W) uint8: brightness of the frames under the node that `network.motion.looks` names.
        """
        values = memory[0].float().cpu()
        if key:
            data, restored = self._code(values, level)
            self._follow(level, torch.from_numpy(restored) * self.step, self._no_motion())
            return data
        wanted, found = self._motion(level, values, search_frames)
        coded, motion = encode_motion_field(wanted, self._shifts_before(level))
        looks_around = level > self.model.network.config.linear_levels
        if looks_around and (motion.vectors != wanted.vectors).any():
            # Of blocks that stand alone no shift is coded, and their neighbours' forecasts see them.
            found = self._forecast_memory(level, motion.vectors)
        expected = self._expected(found, motion)
        data, restored = self._code(values - expected, level)
        self._follow(level, torch.from_numpy(restored) * self.step + expected, motion.vectors)
        return varint(len(coded)) + coded + data

    def _code(self, values: Tensor, level: int) -> tuple[bytes, Floats]:
        steps = values.numpy() / np.float32(self.step)
        return self.model.entropy.encode_and_restore(steps, level, self.quality)

    def _motion(
        self, level: int, memory: Tensor, search_frames: NDArray[np.uint8]
    ) -> tuple[MotionField, Tensor]:
        """The best motion found for a memory (C, h, w), and the forecast memory that it gives."""
        last = torch.from_numpy(luma(self._frame_before().cpu().numpy())).to(self.model.device)
        window = torch.from_numpy(search_frames).to(self.model.device)
        before = torch.from_numpy(self._shifts_before(level)).to(self.model.device)
        vectors = estimate_motion(last, window, 1 << level, self.block, before).cpu().numpy()
        found = self._forecast_memory(level, vectors)
        intra = self._block_sums(_bits(memory / self.step) - _bits((memory - found) / self.step)) < 0
        follows = torch.from_numpy(~self._positions(intra))
        gains = [_gain(memory[low:high, follows], found[low:high, follows]) for low, high in self._groups()]
        return MotionField(vectors, intra, np.array(gains, np.int32)), found

    def _block_sums(self, positions: Tensor) -> NDArray[np.float32]:
        """(h, w) → (rows, columns): sums over blocks."""
        b = BLOCK_PATCHES
        rows, columns = self.blocks
        padded = torch.zeros(rows * b, columns * b)
        padded[: positions.shape[0], : positions.shape[1]] = positions
        return padded.reshape(rows, b, columns, b).sum(dim=(1, 3)).numpy()

    # -- restoring ------------------------------------------------------------------------------------------

    def parse(self, data: bytes, level: int, *, key: bool) -> NodeParts:
        """What can be read of a node without those before it. Raises `ValueError` if it is malformed."""
        motion, at = None, 0
        if not key:
            size, at = read_varint(data, 0)
            motion, at = data[at : at + size], at + size
        symbols, values = self.model.entropy.decode(data[at:], level, self.quality, *self.grid)
        return NodeParts(symbols, values * np.float32(self.step), motion)

    def read_motion(self, level: int, parts: NodeParts) -> MotionField | None:
        """How the next node's forecast is made, None for a key node. Raises `ValueError` if malformed."""
        if parts.motion is None:
            self._before, self._level = self._no_motion(), level
            return None
        groups = len(self.model.entropy.grouping.ends)
        motion = decode_motion_field(parts.motion, *self.blocks, groups, self._shifts_before(level))
        self._before, self._level = motion.vectors, level
        return motion

    def restore(self, level: int, parts: NodeParts) -> Tensor:
        """The memory (C, h, w) of the next node. Raises `ValueError` if its motion is malformed."""
        memory = torch.from_numpy(parts.values)
        motion = self.read_motion(level, parts)
        if motion is not None:
            memory = memory + self._expected(self._forecast_memory(level, motion.vectors), motion)
        self._follow(level, memory, self._before)
        return memory

    # -- what both do alike ---------------------------------------------------------------------------------

    def _groups(self) -> list[tuple[int, int]]:
        """Channels low … high − 1 that share a gain."""
        ends = self.model.entropy.grouping.ends
        return list(zip((0, *ends[:-1]), ends, strict=True))

    def _shifts_before(self, level: int) -> NDArray[np.int32]:
        """The shifts of the node before, where they are of a window as long."""
        return self._before if self._level == level else self._no_motion()

    def _positions(self, blocks: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(rows, columns) of blocks → (h, w) of grid positions."""
        h, w = self.grid
        return blocks.repeat(BLOCK_PATCHES, 0).repeat(BLOCK_PATCHES, 1)[:h, :w]

    def _forecast_memory(self, level: int, vectors: NDArray[np.int32]) -> Tensor:
        """(C, h, w): what the tree makes of the frame before, carried on."""
        ratio = 1 << level
        height, width, _ = self.size
        builder = TreeNodeBuilder(self.model, level)
        batch = min(ratio, batch_frames(height, width))
        field = torch.from_numpy(vectors).to(self.model.device)
        for first in range(0, ratio, batch):
            pixels = compensate(self._frame_before(), field, self.block, ratio, first, first + batch)
            for _, memory in builder.feed(pixels):
                return memory[0].float().cpu()
        raise AssertionError("a whole window makes a memory")

    def _expected(self, found: Tensor, motion: MotionField) -> Tensor:
        """The forecast memory (C, h, w) as far as it counts."""
        expected = found * torch.from_numpy(~self._positions(motion.intra))
        for (low, high), gain in zip(self._groups(), motion.gains.tolist(), strict=True):
            expected[low:high] *= gain / GAIN_UNIT
        return expected

    def _frame_before(self) -> Tensor:
        assert self._last is not None, "a chain begins with its key node"
        return self._last

    def _follow(self, level: int, memory: Tensor, vectors: NDArray[np.int32]) -> None:
        """Go on to the next node. Of this one only the last frame is restored.

        It is not refined: what refining adds would go into the next forecast, and be added to again there.
        """
        ratio = 1 << level
        memories = memory[None].to(self.model.device)
        parts = restored_parts(
            *(self.model, memories, level, self.size, (ratio - 1, ratio)),
            RootCoding(level, self.step, refine=False),
        )
        self._last = list(parts)[-1][-1]
        self._before, self._level = vectors, level


def _bits(steps: Tensor) -> Tensor:
    """(C, h, w) in quantisation steps → (h, w): about how many bits they cost."""
    return (steps.square() * 3 + 1).log2_().sum(dim=0)


def _gain(wanted: Tensor, found: Tensor) -> int:
    """How much of `found` to subtract from `wanted`, by least squares, in units."""
    best = float((wanted * found).sum() / found.square().sum().clamp_min(1e-12))
    return round(GAIN_UNIT * min(max(best, 0.0), 1.0))
