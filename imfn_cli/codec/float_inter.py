"""Inter prediction in floats, for files before version 6: machines may differ, and differences add up."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..bitstream.entropy.motion_field import GAIN_UNIT, MotionField
from ..motion.compensate import compensate
from ..network import RootCoding
from ..zoo import Model
from .inter import InterPrediction, Memory, Vectors
from .node_builders import TreeNodeBuilder
from .synthesis import batch_frames, restored_parts


class FloatInter(InterPrediction):
    """Memories are float32, in the unit of the pixels' range; reference frames 8-bit pixels."""

    def __init__(self, model: Model, size: tuple[int, int, int], quality: float) -> None:
        super().__init__(model, size, quality)
        self._builders: dict[int, TreeNodeBuilder] = {}
        self._reference: Tensor | None = None

    def residual(self, values: NDArray[np.float32]) -> Memory:
        return values * np.float32(self.step) if values.flags.writeable else values

    def restored(self, residual: Memory, level: int, field: MotionField | None) -> Memory:
        if field is None:
            return residual
        return residual + self._prediction(level, field)

    def advance(self, level: int, memory: Memory, vectors: Vectors) -> None:
        # Not refined: what refining adds would go into the next prediction, and be added to again.
        self.advance_vectors(level, vectors)
        ratio = 1 << level
        memories = self.floats(memory)[None].to(self.model.device)
        coding = RootCoding(level, self.step, refine=False)
        parts = restored_parts(self.model, memories, level, self.size, (ratio - 1, ratio), coding)
        self._reference = list(parts)[-1][-1]

    def floats(self, memory: Memory) -> Tensor:
        return torch.from_numpy(memory if memory.flags.writeable else np.array(memory))

    @property
    def reference(self) -> Tensor:
        """The restored frame before the next window, (H, W, C) uint8. Raises ValueError if none is known."""
        if self._reference is None:
            raise ValueError("an inter node without an intra node before it")
        return self._reference

    def _prediction(self, level: int, field: MotionField) -> Memory:
        """What is predicted of a memory (C, h, w): nothing in intra blocks, by gains elsewhere."""
        found = self._predicted_memory(level, field.vectors) * torch.from_numpy(~self.positions(field.intra))
        for (low, high), gain in zip(self.groups, field.gains.tolist(), strict=True):
            found[low:high] *= gain / GAIN_UNIT
        return found.numpy()

    def _predicted_memory(self, level: int, vectors: Vectors) -> Tensor:
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
