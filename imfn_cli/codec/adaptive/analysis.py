"""The encoder's view of a GOP: luma for the motion search, hints, and its scratch."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...motion.interpolate import luma_of, phase_planes
from .effort import Effort
from .gop_state import GopState, Mask, Planes
from .kernels.block_encoder import encode_node
from .kernels.block_search import Choice, Search, new_choice
from .parameters import STEP_UNIT

#: λ of rate–distortion optimisation: squared quantisation steps that one saved bit is worth.
LAMBDA = 0.32
# Candidates of a block that are evaluated in full where there are hints.
_HINTED_TRIES = 2
_NO_BITS = np.zeros((0, 0))


class Hints(NamedTuple):
    """What analysis found of one frame's blocks: mode and vectors, as in `Fields`."""

    mode: NDArray[np.int8]
    mv: NDArray[np.int32]


class Analysis:
    """Codes the nodes of one GOP; holds what the encoder alone needs."""

    def __init__(self, state: GopState, effort: Effort) -> None:
        height, width = state.frames.shape[2:]
        self._luma = np.zeros((height, width), np.int16)
        self._reference_luma = np.zeros(state.reference.shape[1:], np.int16)
        self._phases = np.zeros((16, *self._reference_luma.shape), np.int16)
        self._scratch = np.zeros(self._reference_luma.shape, np.int32)
        self._effort = effort
        self._choices: dict[int, Choice] = {}
        self._nothing = Hints(np.zeros_like(state.fields.mode), np.zeros_like(state.fields.mv))

    def see(self, original: Planes, reference: Planes) -> None:
        """Make a frame (3, H', W') and its reference frame (3, …) ready for the motion search."""
        luma_of(original, self._luma)
        luma_of(reference, self._reference_luma)
        phase_planes(self._reference_luma, self._phases, self._scratch)

    def search(self, state: GopState, level: int, step: int, original: Planes, hints: Hints | None) -> Search:
        """The encoder's side of a node whose step is `step`."""
        if level not in self._choices:
            self._choices[level] = new_choice(1 << level)
        return Search(
            orig=original,
            rows=state.bases.rows[level],
            luma=self._luma,
            planes=self._phases,
            hinted=hints is not None,
            hint_mode=(hints or self._nothing).mode,
            hint_mv=(hints or self._nothing).mv,
            lam=LAMBDA,
            lam_sad=4 * float(np.sqrt(LAMBDA / 3)) * step / STEP_UNIT,
            tries=self._effort.tries if hints is None else _HINTED_TRIES,
            at=self._effort.thresholds,
            ch=self._choices[level],
        )

    def encode(
        self,
        state: GopState,
        level: int,
        index: int,
        blocks: Mask,
        original: Planes,
        hints: Hints | None = None,
        *,
        intra: bool = False,
        bits: NDArray[np.float64] = _NO_BITS,
    ) -> None:
        """Choose and code the blocks of the node that begins at frame `index`, the one at hand.

        bits (rows, columns): filled with an estimate of what each block takes, where it is wanted.
        """
        node = state.node(level, index, intra=intra)
        encode_node(node, self.search(state, level, node.step, original, hints), blocks, bits)
