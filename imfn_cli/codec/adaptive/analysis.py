"""The encoder's view of a GOP: luma of reference frames for the motion search, and its scratch."""

import numpy as np
from numpy.typing import NDArray

from ...motion.interpolate import luma_of, phase_planes
from .block_choice import Choice, new_choice
from .block_encoder import encode_node
from .gop_state import GopState, Mask, Planes
from .parameters import STEP_UNIT, step_of_node
from .tables import BOTH, NEAR

#: λ of rate–distortion optimisation: squared quantisation steps that one saved bit is worth.
LAMBDA = 0.1
# Starting points of the motion search that are refined.
_STARTS = 3
# Where merging costs less than this a number, in squared steps, no other mode is tried.
_EARLY = 0.04
_NO_BITS = np.zeros((0, 0))


class Analysis:
    """Codes the nodes of one GOP, and of copies of its state."""

    def __init__(self, state: GopState) -> None:
        height, width = state.frames.shape[2:]
        self.luma = np.zeros((height, width), np.int16)
        self._reference_luma = np.zeros(state.reference.shape[1:], np.int16)
        self.phases = np.zeros((16, *self._reference_luma.shape), np.int16)
        self._scratch = np.zeros(self._reference_luma.shape, np.int32)
        self._choices: dict[int, Choice] = {}

    def choice(self, level: int) -> Choice:
        """Scratch of a node of `level`."""
        if level not in self._choices:
            self._choices[level] = new_choice(1 << level)
        return self._choices[level]

    def see_reference(self, reference: Planes) -> None:
        """Make the reference frame (3, …) ready for the motion search: its luma at every quarter pixel."""
        luma_of(reference, self._reference_luma)
        phase_planes(self._reference_luma, self.phases, self._scratch)

    def encode(
        self,
        state: GopState,
        level: int,
        index: int,
        time: int,
        blocks: Mask,
        original: Planes,
        *,
        intra: bool = False,
        bits: NDArray[np.float64] = _NO_BITS,
    ) -> None:
        """Choose and code the blocks of the node that begins at frame `index`, the GOP's frame `time`.

        bits (rows, columns): filled with an estimate of what each block takes, where it is wanted.
        """
        if level == 0 and not intra:
            luma_of(original[index], self.luma)
        step = step_of_node(state.quality, level, time)
        lam_sad = 4 * np.sqrt(LAMBDA / 3) * step / STEP_UNIT
        bases = state.bases
        encode_node(
            *(state.coder, NEAR, BOTH, bases.integers[level], bases.forward[level], level, intra, blocks),
            *(state.frames, original, index, state.reference, self.luma, self.phases, state.fields),
            *(state.work(level), self.choice(level), step, LAMBDA, lam_sad, _STARTS, _EARLY, bits),
        )
