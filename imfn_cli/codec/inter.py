"""Inter prediction: what a node's memory is expected to be, from the restored frame before its window.

    reference frame ──motion field──▶ predicted window (r frames) ──tree──▶ predicted memory ──gains──┐
    memory ────────────────────────────────────────────────────────────────────────────────────────── − ──▶

Nodes of a group of pictures (GOP) come in time order. The first, its intra node, is coded alone; of every
other the frame before its window, its reference frame, is known once the node before is restored. Blocks that
the prediction does not help are intra. No symbol and no probability table depends on the prediction.

Memories, predictions and reference frames are whole numbers (`whole_inter.py`), the same on every machine;
in files before version 6 they are floats (`float_inter.py`), and restored only.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..bitstream.entropy.motion_field import MotionField
from ..bitstream.quantiser import step_of_quality
from ..motion.compensate import BLOCK_PATCHES, block_grid
from ..zoo import Model

#: A memory, or its residual, (C, h, w), in the unit of those who restore it.
Memory = NDArray[Any]
Vectors = NDArray[np.int32]


class InterPrediction(ABC):
    """Where encoder and decoder stand within a GOP: the reference frame, and the motion field before it.

    size: (H, W, 1 or 3) of the frames.   step: quantisation step of all nodes, of the pixels' range.
    grid: (h, w) of memories.   blocks: (rows, columns) of motion vectors, `block` pixels a side each.
    groups: channels low … high − 1 that share a gain.
    """

    def __init__(self, model: Model, size: tuple[int, int, int], quality: float) -> None:
        self.model, self.size = model, size
        self.step = step_of_quality(quality)
        height, width, _ = size
        config = model.network.config
        self.grid = config.grid(height, width)
        self.block = BLOCK_PATCHES * config.patch_height
        self.blocks = block_grid(height, width, self.block)
        ends = model.entropy.grouping.ends
        self.groups = list(zip((0, *ends[:-1]), ends, strict=True))
        self._vectors = self.no_motion()
        self._level: int | None = None

    def no_motion(self) -> Vectors:
        """(2, rows, columns) vectors of a picture that stands still."""
        return np.zeros((2, *self.blocks), np.int32)

    def vectors_before(self, level: int) -> Vectors:
        """The vectors of the node before, (2, rows, columns), if its window was as long; else no motion."""
        return self._vectors if self._level == level else self.no_motion()

    def positions(self, blocks: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(rows, columns) of blocks → (h, w) of grid positions."""
        h, w = self.grid
        return blocks.repeat(BLOCK_PATCHES, 0).repeat(BLOCK_PATCHES, 1)[:h, :w]

    def advance_vectors(self, level: int, vectors: Vectors) -> None:
        """Go on to the next node as far as motion fields need it: no frame is restored."""
        self._vectors, self._level = vectors, level

    @abstractmethod
    def residual(self, values: NDArray[np.float32]) -> Memory:
        """What the entropy model decodes, (C, h, w) in steps → a memory, or what is added to a prediction.

        Where all is 0 it may be a view of one number.
        """

    @abstractmethod
    def restored(self, residual: Memory, level: int, field: MotionField | None) -> Memory:
        """The memory of the next node; field: of an inter node, whose reference frame must be known."""

    @abstractmethod
    def advance(self, level: int, memory: Memory, vectors: Vectors) -> None:
        """Go on to the next node: the last frame of this restored memory (C, h, w) is its reference frame."""

    @abstractmethod
    def floats(self, memory: Memory) -> Tensor:
        """A memory (C, h, w) as the network takes it, float32, in the unit of the pixels' range."""
