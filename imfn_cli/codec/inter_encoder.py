"""Coding the nodes of a GOP: the motion search's best field, and the residual that it leaves."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..bitstream.entropy.inter_node import join_inter
from ..bitstream.entropy.motion_field import GAIN_UNIT, MotionField, encode_motion_field
from ..motion.compensate import BLOCK_PATCHES, luma
from ..motion.estimate import estimate_motion
from ..zoo import Model
from .inter import Memory
from .whole_inter import RANGE, Integers, WholeInter

Floats = NDArray[np.float32]


class InterEncoder:
    """Codes the nodes of one GOP after another.   quality: 0 … 100, of all nodes."""

    def __init__(self, model: Model, size: tuple[int, int, int], quality: float) -> None:
        self.model, self.quality = model, quality
        self.state = WholeInter(model, size, quality)

    def encode(self, level: int, memory: Tensor, search_frames: NDArray[np.uint8], *, intra: bool) -> bytes:
        """The bytes of the next node: memory (1, C, h, w) of `level`.

        search_frames (S, H, W) uint8: luma of the frames under the node that `motion.search_frames` names.
        """
        values = memory[0].float().cpu().numpy() * np.float32(RANGE)
        if intra:
            data, restored = self._code(values, level)
            self.state.advance(level, restored, self.state.no_motion())
            return data
        field, prediction, coded_field = self._motion(level, values, search_frames)
        data, residual = self._code(values - prediction, level)
        self.state.advance(level, self.state.added(residual, prediction), field.vectors)
        return join_inter(coded_field, data)

    def _code(self, values: Floats, level: int) -> tuple[bytes, Memory]:
        """Quantise and code (C, h, w), in units of memories: its bytes, and what decoding them gives."""
        steps = values / np.float32(self.state.whole_step)
        data, restored = self.model.entropy.encode_and_restore(steps.astype(np.float32), level, self.quality)
        return data, self.state.residual(restored)

    def _motion(
        self, level: int, memory: Floats, search_frames: NDArray[np.uint8]
    ) -> tuple[MotionField, Integers, bytes]:
        """The motion field found for a memory (C, h, w), its prediction (C, h, w), and the field's bytes."""
        state, device = self.state, self.model.device
        before = state.vectors_before(level)
        vectors = (
            estimate_motion(
                torch.from_numpy(luma(state.reference_pixels())).to(device),
                torch.from_numpy(search_frames).to(device),
                1 << level,
                state.block,
                torch.from_numpy(before).to(device),
            )
            .cpu()
            .numpy()
        )
        found = state.predicted_memory(level, vectors)
        step = float(state.whole_step)
        wanted, there = torch.from_numpy(memory), torch.from_numpy(found.astype(np.float32))
        intra = self._block_sums(_bits(wanted / step) - _bits((wanted - there) / step)) < 0
        predicted = torch.from_numpy(~state.positions(intra))
        gains = [_gain(wanted[low:high, predicted], there[low:high, predicted]) for low, high in state.groups]
        coded, field = encode_motion_field(MotionField(vectors, intra, np.array(gains, np.int32)), before)
        return field, state.prediction(found, field), coded

    def _block_sums(self, positions: Tensor) -> Floats:
        """(h, w) → (rows, columns): sums over blocks."""
        b = BLOCK_PATCHES
        rows, columns = self.state.blocks
        padded = torch.zeros(rows * b, columns * b)
        padded[: positions.shape[0], : positions.shape[1]] = positions
        return padded.reshape(rows, b, columns, b).sum(dim=(1, 3)).numpy()


def _bits(steps: Tensor) -> Tensor:
    """(C, h, w) in quantisation steps → (h, w): about how many bits they cost."""
    return (steps.square() * 3 + 1).log2_().sum(dim=0)


def _gain(wanted: Tensor, found: Tensor) -> int:
    """How much of `found` to subtract from `wanted`, by least squares, in units."""
    best = float((wanted * found).sum() / found.square().sum().clamp_min(1e-12))
    return round(GAIN_UNIT * min(max(best, 0.0), 1.0))
