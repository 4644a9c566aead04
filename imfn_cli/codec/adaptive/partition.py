"""Each block's cut of a tree into dyadic windows, bottom-up by J = D + λR.

Optimal tree pruning (Breiman, Friedman, Olshen, Stone 1984; Chou, Lookabaugh, Gray 1989): the tree is first
coded as single frames; then every pair of windows is compared with the one window that holds both, level by
level. The winner's cost goes on to the next level.
"""

import numpy as np
from numpy.typing import NDArray

from ...bitstream.adaptive.binary_coder import END, Coder
from ...motion.interpolate import luma_of, pad_frame
from .analysis import LAMBDA, Analysis
from .block_encoder import window_costs
from .block_state import Fields
from .gop_state import BLOCK, GREY, GopState, Planes, finish_frame
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
            costs = _window_costs(state, analysis, original, singles, above, window, pairs[window])
            wins = costs < pairs[window]
            pairs[window][wins] = costs[wins]
            cut[window << above : (window + 1) << above][:, wins] = above
        best = pairs
    return cut


class _Singles:
    """A tree coded as single frames, with copies of everything that coding changes.

    frames (1 + n, …): restored, the frame before first.   costs (n, rows, columns).   references and fields:
    as they were before and after each frame.
    """

    def __init__(self, state: GopState, analysis: Analysis, original: Planes, time: int, level: int) -> None:
        count = 1 << level
        self.coder = _copied(state.coder)
        self.fields = Fields(**{name: field.copy() for name, field in state.fields._asdict().items()})
        self.frames = state.frames[: count + 1].copy()
        self.time = time
        self.references: list[Planes] = []
        self.modes: list[tuple[NDArray[np.int8], NDArray[np.int32]]] = []
        every = np.ones(state.blocks, np.bool_)
        errors, bits = np.zeros((2, count, *state.blocks))
        for index in range(1, count + 1):
            reference = np.zeros_like(state.reference)
            pad_frame(self.frames[index - 1], reference)
            analysis.see_reference(reference)
            self.references.append(reference.copy())
            self.frames[index] = self.frames[index - 1]
            luma_of(original[index], analysis.luma)
            analysis.encode_into(
                *(0, index, time + index - 1, every, original, self.coder, self.fields, self.frames),
                *(reference, (errors[index - 1], bits[index - 1])),
            )
            step = step_of_node(state.quality, 0, time + index - 1)
            finish_frame(self.frames[index], self.fields, self.coder, step, reference, original[index])
            self.modes.append((self.fields.mode.copy(), self.fields.mv.copy()))
            errors[index - 1] = _block_errors(original[index : index + 1], self.frames[index])
        self.costs: Costs = errors + _lam(state) * bits


def _window_costs(
    state: GopState,
    analysis: Analysis,
    original: Planes,
    singles: _Singles,
    level: int,
    window: int,
    pair: Costs,
) -> Costs:
    """(rows, columns): estimated J of each block as one window, _NEVER where it was not looked at."""
    first = window << level
    mode, vectors = singles.modes[first]
    still = _block_errors(original[first + 1 : first + 1 + (1 << level)], singles.frames[first])
    moves = (np.abs(vectors[1:-1:2, 1:-2:2]).sum(-1) > 0) & (level <= _MOVING_LEVEL)
    wanted = (still < _SCREEN * pair) | moves
    costs, unused = np.full(state.blocks, _NEVER), np.zeros(state.blocks)
    if wanted.any():
        fields = Fields(singles.fields.grid, singles.fields.lasts, mode, vectors, singles.fields.imode)
        step = step_of_node(state.quality, level, singles.time)
        window_costs(
            *(singles.coder, NEAR, level, wanted, state.bases.forward[level], original, first + 1),
            *(singles.references[first], fields, state.work(level), analysis.choice(level)),
            *(step, LAMBDA, costs, unused),
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


def _copied(coder: Coder) -> Coder:
    """A coder with the same state, whose bytes go nowhere."""
    copy = Coder(
        *(part.copy() if name != "buf" else part[:16].copy() for name, part in coder._asdict().items())
    )
    copy.io[END] = 0
    return copy
