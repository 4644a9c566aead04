"""Each block's cut of a tree into dyadic windows, bottom-up by J = D + λR.

Optimal tree pruning (Breiman, Friedman, Olshen, Stone 1984; Chou, Lookabaugh, Gray 1989): the tree is first
coded as single frames; then every pair of windows is compared with the one window that holds both, level by
level. The winner's cost goes on to the next level.
"""

import numpy as np
from numpy.typing import NDArray

from .analysis import LAMBDA, Analysis
from .block_encoder import window_costs
from .gop_state import BLOCK, GREY, GopState, Planes
from .parameters import step_of_node
from .tables import NEAR

Costs = NDArray[np.float64]

# A window's estimated cost counts a little more: it is open-loop, the single frames' is not.
_WINDOW_BIAS = 1.05
# Windows whose error against a still picture is beyond this many times the pair's cost are not looked at …
_SCREEN = 3.0
# … unless the block moves, up to this level.
_MOVING_LEVEL = 3
_NEVER = 1e30


def choose_cut(
    state: GopState, analysis: Analysis, original: Planes, time: int, level: int
) -> NDArray[np.int8]:
    """The cut of a tree: (2^level, rows, columns) int8, the level of the window of every frame and block.

    original: the tree's frames, from index 1 on.   time: of the tree's first frame in the GOP.
    """
    rows, columns = state.blocks
    cut = np.zeros((1 << level, rows, columns), np.int8)
    if not level:
        return cut
    singles = _Singles(state, analysis, original, time, level)
    best = singles.costs
    for above in range(1, level + 1):
        pairs = best[0::2] + best[1::2]
        for window in range(len(pairs)):
            costs = _window_costs(analysis, original, singles, above, window, pairs[window])
            wins = costs < pairs[window]
            pairs[window][wins] = costs[wins]
            cut[window << above : (window + 1) << above][:, wins] = above
        best = pairs
    return cut


class _Singles:
    """A tree coded as single frames, in a copy of the state.

    state: after the last frame; its frames are restored.   references, modes, vectors: the reference frame of
    each frame, and what its blocks then say.   costs (n, rows, columns): J of each block and frame.
    """

    def __init__(self, state: GopState, analysis: Analysis, original: Planes, time: int, level: int) -> None:
        count = 1 << level
        self.state, self.time = state.copied(level), time
        self.references: list[Planes] = []
        self.modes: list[NDArray[np.int8]] = []
        self.vectors: list[NDArray[np.int32]] = []
        every, singles = np.ones(state.blocks, np.bool_), np.zeros(state.blocks, np.int8)
        errors, bits = np.zeros((2, count, *state.blocks))
        for index in range(1, count + 1):
            self.state.begin_frame(index, singles)
            self.references.append(self.state.reference.copy())
            analysis.see_reference(self.state.reference)
            shown = time + index - 1
            analysis.encode(self.state, 0, index, shown, every, original, bits=bits[index - 1])
            self.state.finish_frame(index, shown, original)
            self.modes.append(self.state.fields.mode.copy())
            self.vectors.append(self.state.fields.mv.copy())
            errors[index - 1] = _block_errors(original[index : index + 1], self.state.frames[index])
        self.costs: Costs = errors + _lam(state) * bits


def _window_costs(
    analysis: Analysis, original: Planes, singles: _Singles, level: int, window: int, pair: Costs
) -> Costs:
    """(rows, columns): estimated J of each block as one window, _NEVER where it was not looked at."""
    state, first = singles.state, window << level
    vectors = singles.vectors[first]
    still = _block_errors(original[first + 1 : first + 1 + (1 << level)], state.frames[first])
    moves = (np.abs(vectors[1:-1:2, 1:-2:2]).sum(-1) > 0) & (level <= _MOVING_LEVEL)
    wanted = (still < _SCREEN * pair) | moves
    costs = np.full(state.blocks, _NEVER)
    if wanted.any():
        fields = state.fields._replace(mode=singles.modes[first], mv=vectors)
        step = step_of_node(state.quality, level, singles.time)
        window_costs(
            *(state.coder, NEAR, level, wanted, state.bases.forward[level], original, first + 1),
            *(singles.references[first], fields, state.work(level), analysis.choice(level)),
            *(step, LAMBDA, costs),
        )
    return np.minimum(costs * _WINDOW_BIAS, _NEVER)


def _lam(state: GopState) -> float:
    """λ in squared grey levels a bit."""
    return float(LAMBDA * 4.0 ** ((100 - state.quality) / 10))


def _block_errors(original: Planes, restored: Planes) -> Costs:
    """Squared error of every block, in squared grey levels: (rows, columns).

    original (F, 3, H', W'), restored (3, H', W').
    """
    frames, planes, height, width = original.shape
    difference = original.astype(np.float32) - restored
    blocks = difference.reshape(frames, planes, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    sums: Costs = np.square(blocks, out=blocks).sum(axis=(0, 1, 3, 5), dtype=np.float64)
    return sums / GREY**2
