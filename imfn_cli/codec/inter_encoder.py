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
from .inter import InterPrediction

Floats = NDArray[np.float32]


class InterEncoder:
    """Codes the nodes of one GOP after another.   quality: 0 … 100, of all nodes."""

    def __init__(self, model: Model, size: tuple[int, int, int], quality: float) -> None:
        self.model, self.quality = model, quality
        self.state = InterPrediction(model, size, quality)

    def encode(self, level: int, memory: Tensor, search_frames: NDArray[np.uint8], *, intra: bool) -> bytes:
        """The bytes of the next node: memory (1, C, h, w) of `level`.

        search_frames (S, H, W) uint8: luma of the frames under the node that `motion.search_frames` names.
        """
        values = memory[0].float().cpu()
        if intra:
            data, restored = self._code(values, level)
            self.state.advance(level, restored, self.state.no_motion())
            return data
        field, prediction, coded_field = self._motion(level, values, search_frames)
        data, residual = self._code(values - prediction, level)
        self.state.advance(level, residual + prediction, field.vectors)
        return join_inter(coded_field, data)

    def _code(self, values: Tensor, level: int) -> tuple[bytes, Tensor]:
        """Quantise and code (C, h, w): its bytes, and what decoding them gives."""
        steps = values.numpy() / np.float32(self.state.step)
        data, restored = self.model.entropy.encode_and_restore(steps, level, self.quality)
        return data, torch.from_numpy(restored) * self.state.step

    def _motion(
        self, level: int, memory: Tensor, search_frames: NDArray[np.uint8]
    ) -> tuple[MotionField, Tensor, bytes]:
        """The motion field found for a memory (C, h, w), its prediction (C, h, w), and the field's bytes."""
        state, device = self.state, self.model.device
        before = state.vectors_before(level)
        vectors = (
            estimate_motion(
                torch.from_numpy(luma(state.reference.cpu().numpy())).to(device),
                torch.from_numpy(search_frames).to(device),
                1 << level,
                state.block,
                torch.from_numpy(before).to(device),
            )
            .cpu()
            .numpy()
        )
        found = state.predicted_memory(level, vectors)
        intra = self._block_sums(_bits(memory / state.step) - _bits((memory - found) / state.step)) < 0
        predicted = torch.from_numpy(~state.positions(intra))
        gains = [_gain(memory[low:high, predicted], found[low:high, predicted]) for low, high in state.groups]
        coded, field = encode_motion_field(MotionField(vectors, intra, np.array(gains, np.int32)), before)
        looks_around = level > self.model.network.config.linear_levels
        if looks_around and (field.vectors != vectors).any():
            # Of intra blocks no vector is coded, and their neighbours' branches see them.
            found = state.predicted_memory(level, field.vectors)
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
