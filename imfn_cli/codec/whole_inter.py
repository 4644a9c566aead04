"""Inter prediction in whole numbers: reference frames are the same on every machine, and nothing adds up.

Reference frames and predictions are those of the tree's linear part (`network/whole_tree.py`), compensated by
`motion/whole_windows.py`. What learned branches add is only shown.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..bitstream.entropy.motion_field import GAIN_UNIT, MotionField
from ..bitstream.quantiser import tenths_of_quality, whole_step
from ..motion.compensate import BLOCK_PATCHES
from ..network.whole_tree import LARGEST, MEMORY_UNIT, PIXEL_UNIT, WHITE, whole_tree
from ..zoo import Model
from .inter import InterPrediction, Memory, Vectors

Integers = NDArray[np.int32]
Rows = NDArray[np.int16]
#: Memories' units in the pixels' range.
RANGE = 255 * MEMORY_UNIT
# Pixels of moved windows that are made at once.
_AT_ONCE = 1 << 21


class WholeInter(InterPrediction):
    """Memories are int32 in 1/MEMORY_UNIT grey levels, reference frames in 1/PIXEL_UNIT.

    whole_step: the quantisation step in units of memories.   Raises ModelError for maps that are not
    orthonormal.
    """

    def __init__(self, model: Model, size: tuple[int, int, int], quality: float) -> None:
        super().__init__(model, size, quality)
        self.whole_step = whole_step(tenths_of_quality(quality), MEMORY_UNIT)
        self._tree = whole_tree(model.network)
        config = model.network.config
        self._patch, self._planes = config.patch_height, config.in_channels
        self._reference: Rows | None = None
        self._bordered: Rows | None = None

    def residual(self, values: NDArray[np.float32]) -> Integers:
        if not values.flags.writeable:
            return np.broadcast_to(np.int32(0), values.shape)
        # Kernels are loaded where something is coded.
        from .whole_residual import whole_residual

        return whole_residual(values, self.whole_step, LARGEST)

    def restored(self, residual: Memory, level: int, field: MotionField | None) -> Integers:
        if field is None:
            return residual
        predicted = self.predicted_memory(level, field.vectors, field.intra)
        return self.added(residual, self.by_gains(predicted, field))

    @staticmethod
    def added(residual: Memory, prediction: Integers) -> Integers:
        """Residual and prediction (C, h, w) together, in the prediction's place."""
        np.add(residual, prediction, out=prediction)
        return np.clip(prediction, -LARGEST, LARGEST, out=prediction)

    def floats(self, memory: Memory) -> Tensor:
        found = np.empty(memory.shape, np.float32)
        found[:] = memory
        found /= np.float32(RANGE)
        return torch.from_numpy(found)

    def advance(self, level: int, memory: Memory, vectors: Vectors) -> None:
        self.advance_vectors(level, vectors)
        self._reference = self._tree.last_frame(level, memory.reshape(len(memory), -1).T)
        self._bordered = None

    @property
    def reference(self) -> Rows:
        """The reference frame, patch by patch: (h · w, P). Raises ValueError if none is known."""
        if self._reference is None:
            raise ValueError("an inter node without an intra node before it")
        return self._reference

    def reference_pixels(self) -> NDArray[np.uint8]:
        """The reference frame as 8-bit pixels (H, W, in_channels), for the search of motion."""
        height, width, _ = self.size
        whole = np.moveaxis(self._frame()[:, :height, :width], 0, -1)
        return ((whole + PIXEL_UNIT // 2) // PIXEL_UNIT).astype(np.uint8)

    def predicted_memory(
        self, level: int, vectors: Vectors, intra: NDArray[np.bool_] | None = None
    ) -> Integers:
        """(C, h, w): what the tree makes of the reference frame, compensated over the window.

        intra (rows, columns): blocks that may be left out, 0 there.
        """
        wanted = np.ones(self.blocks, bool) if intra is None else ~intra
        moves = vectors.any(axis=0) & wanted
        found = np.zeros((self.reference.shape[0], self._tree.channels), np.int32)
        still = self.positions(wanted & ~moves).ravel()
        found[still] = self._tree.merge_still(level, self.reference[still])
        where = np.argwhere(moves)
        pixels = self.block**2 * self._planes << min(level, self._tree.top)
        at_once = max(1, _AT_ONCE // pixels)
        for first in range(0, len(where), at_once):
            part = where[first : first + at_once]
            memories = self._moved(level, 0, 1 << level, part, vectors[:, *part.T].T)
            # A block at the border may be half outside.
            places = BLOCK_PATCHES * part[:, None] + np.argwhere(np.ones((BLOCK_PATCHES, BLOCK_PATCHES)))
            y, x = places.reshape(-1, 2).T
            inside = (y < self.grid[0]) & (x < self.grid[1])
            found[y[inside] * self.grid[1] + x[inside]] = memories[inside]
        return np.ascontiguousarray(found.T).reshape(-1, *self.grid)

    def prediction(self, predicted: Integers, field: MotionField) -> Integers:
        """The predicted memory (C, h, w) as far as it counts: not in intra blocks, by gains elsewhere."""
        return self.by_gains(predicted * ~self.positions(field.intra), field)

    def by_gains(self, predicted: Integers, field: MotionField) -> Integers:
        """A predicted memory (C, h, w) times the gains of its groups, in its place."""
        for (low, high), gain in zip(self.groups, field.gains.tolist(), strict=True):
            if gain != GAIN_UNIT:
                part = predicted[low:high].astype(np.int64) * gain + GAIN_UNIT // 2
                predicted[low:high] = part // GAIN_UNIT
        return predicted

    def _moved(
        self, level: int, first: int, ratio: int, where: NDArray[np.int64], vectors: Integers
    ) -> Integers:
        """Memories (N · 4, C) of frames first … first + 2^level − 1 of the windows of N blocks."""
        if level > self._tree.top:
            half = 1 << (level - 1)
            left, right = (self._moved(level - 1, at, ratio, where, vectors) for at in (first, first + half))
            return self._tree.merge_pair(level, left, right)
        # Kernels are loaded where something moves.
        from ..motion.whole_windows import moved_windows

        patch = self._patch
        rows = np.empty((len(where), BLOCK_PATCHES**2, 1 << level, patch, patch, self._planes), np.int16)
        if self._bordered is None:
            self._bordered = self._with_border()
        moved_windows(self._bordered, where, np.ascontiguousarray(vectors), patch, ratio, first, WHITE, rows)
        return self._tree.merge(level, rows.reshape(len(where) * BLOCK_PATCHES**2, -1))

    def _frame(self) -> Rows:
        """The reference frame (in_channels, h · patch, w · patch)."""
        h, w = self.grid
        cut = self.reference.reshape(h, w, self._patch, self._patch, self._planes)
        return cut.transpose(4, 0, 2, 1, 3).reshape(self._planes, h * self._patch, w * self._patch)

    def _with_border(self) -> Rows:
        """The reference frame in whole blocks, its border repeated around it."""
        from ..motion.whole_windows import BORDER

        frame = self._frame()
        around = [(BORDER, BORDER + -side % self.block) for side in frame.shape[1:]]
        return np.ascontiguousarray(np.pad(frame, ((0, 0), *around), mode="edge"))
