"""Inter prediction: what a node's memory is expected to be, from the restored frame before its window.

    reference frame ──motion field──▶ predicted window (r frames) ──tree──▶ predicted memory ──gains──┐
    memory ────────────────────────────────────────────────────────────────────────────────────────── − ──▶

Nodes of a group of pictures (GOP) come in time order. The first, its intra node, is coded alone; of every
other the frame before its window, its reference frame, is known once the node before is restored. Blocks that
the prediction does not help are intra. No symbol and no probability table depends on the prediction, which is
made in floating point: another machine may come to slightly different pixels, and never loses the file.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..bitstream.entropy.motion_field import GAIN_UNIT, MotionField
from ..bitstream.quantiser import step_of_quality
from ..motion.compensate import BLOCK_PATCHES, block_grid, compensate
from ..network import RootCoding
from ..zoo import Model
from .node_builders import TreeNodeBuilder
from .synthesis import batch_frames, restored_parts


class InterPrediction:
    """Where encoder and decoder stand within a GOP: the reference frame, and the motion field before it.

    size: (H, W, 1 or 3) of the frames.   step: quantisation step of all nodes.
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
        self._builders: dict[int, TreeNodeBuilder] = {}
        self._vectors = self.no_motion()
        self._level: int | None = None
        self._reference: Tensor | None = None

    def no_motion(self) -> NDArray[np.int32]:
        """(2, rows, columns) vectors of a picture that stands still."""
        return np.zeros((2, *self.blocks), np.int32)

    @property
    def reference(self) -> Tensor:
        """The restored frame before the next window, (H, W, C) uint8. Raises ValueError if none is known."""
        if self._reference is None:
            raise ValueError("an inter node without an intra node before it")
        return self._reference

    def vectors_before(self, level: int) -> NDArray[np.int32]:
        """The vectors of the node before, (2, rows, columns), if its window was as long; else no motion."""
        return self._vectors if self._level == level else self.no_motion()

    def predicted_memory(self, level: int, vectors: NDArray[np.int32]) -> Tensor:
        """(C, h, w): what the tree makes of the reference frame, compensated over the window."""
        ratio = 1 << level
        height, width, _ = self.size
        # A whole window leaves nothing in a builder, so one of each level serves every node.
        builder = self._builders.setdefault(level, TreeNodeBuilder(self.model, level))
        batch = min(ratio, batch_frames(height, width))
        field = torch.from_numpy(vectors).to(self.model.device)
        memories: list[Tensor] = []
        for first in range(0, ratio, batch):
            pixels = compensate(self.reference, field, self.block, ratio, first, first + batch)
            memories += [memory for _, memory in builder.feed(pixels)]
        (memory,) = memories
        return memory[0].float().cpu()

    def prediction(self, predicted_memory: Tensor, field: MotionField) -> Tensor:
        """The predicted memory (C, h, w) as far as it counts: not in intra blocks, by gains elsewhere."""
        prediction = predicted_memory * torch.from_numpy(~self.positions(field.intra))
        for (low, high), gain in zip(self.groups, field.gains.tolist(), strict=True):
            prediction[low:high] *= gain / GAIN_UNIT
        return prediction

    def positions(self, blocks: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(rows, columns) of blocks → (h, w) of grid positions."""
        h, w = self.grid
        return blocks.repeat(BLOCK_PATCHES, 0).repeat(BLOCK_PATCHES, 1)[:h, :w]

    def advance(self, level: int, memory: Tensor, vectors: NDArray[np.int32]) -> None:
        """Go on to the next node: the last frame of this restored memory (C, h, w) is its reference frame.

        The frame is not refined: what refining adds would go into the next prediction, and be added to again.
        """
        self.advance_vectors(level, vectors)
        ratio = 1 << level
        memories = memory[None].to(self.model.device)
        coding = RootCoding(level, self.step, refine=False)
        parts = restored_parts(self.model, memories, level, self.size, (ratio - 1, ratio), coding)
        self._reference = list(parts)[-1][-1]

    def advance_vectors(self, level: int, vectors: NDArray[np.int32]) -> None:
        """Go on to the next node as far as motion fields need it: no frame is restored."""
        self._vectors, self._level = vectors, level
