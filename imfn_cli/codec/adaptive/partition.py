"""Each block's cut of a tree into dyadic windows, bottom-up by J = D + λR.

Optimal tree pruning (Breiman, Friedman, Olshen, Stone 1984; Chou, Lookabaugh, Gray 1989): the tree is first
coded as single frames; then every pair of windows is compared with the one window that holds both, level by
level. The winner's cost goes on to the next level.

The single frames are a chain of their own from the GOP's first frame to its last, so that trees are analysed
ahead of being coded.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .analysis import LAMBDA, Analysis, Hints
from .effort import Effort
from .gop_state import BLOCK, GREY, GopState, Planes, leaves_of
from .kernels.block_state import C
from .kernels.frames import block_errors
from .kernels.window_costs import moves, moving_costs, still_costs, still_errors
from .parameters import offset_of

Costs = NDArray[np.float64]

# A window's estimated cost counts for more. What it would save in the frames counted here costs more in those
# that refer to its last one; measured, a chain of single frames is hard to beat.
_WINDOW_BIAS = 3.0
# Windows whose error against a still picture is beyond this many times the pair's cost are not looked at …
_SCREEN = 3.0
# … and windows that move only up to this level.
_MOVING_LEVEL = 3
_NEVER = 1e30
_GREY2 = float(GREY**2)


class Plan(NamedTuple):
    """How a tree is to be coded.

    cut (n, rows, columns) int8: the level of the window of every frame and block.   hints: of each frame, if
    any.
    """

    cut: NDArray[np.int8]
    hints: Sequence[Hints | None]


def single_frames(state: GopState, level: int) -> Plan:
    """The plan of a tree that is cut into single frames, which need no analysis."""
    return Plan(np.zeros((1 << level, *state.blocks), np.int8), [None] * (1 << level))


class Planner:
    """Plans the trees of a GOP, one after the other."""

    def __init__(self, state: GopState, effort: Effort) -> None:
        """Of the GOP that `state` is of, once its first frame is there."""
        self._state = state.copied()
        self._analysis = Analysis(state, effort)

    def plan(self, original: Planes, level: int) -> Plan:
        """The plan of the next tree. original: its frames, from index 1 on."""
        state = self._state
        singles = self._code_singles(original, level)
        cut = np.zeros((1 << level, *state.blocks), np.int8)
        for row in range(state.blocks[0]):
            _Row(state, self._analysis, original, singles, row).cut(level, cut[:, row])
        state.end_tree(level)
        return Plan(cut, singles.hints)

    def _code_singles(self, original: Planes, level: int) -> "_Singles":
        state, count = self._state, 1 << level
        every, cut = np.ones(state.blocks, np.bool_), np.zeros(state.blocks, np.int8)
        bits = np.zeros((count, *state.blocks))
        errors = np.zeros_like(bits)
        hints: list[Hints] = []
        references: list[Planes] = []
        for index in range(1, count + 1):
            state.begin_frame(index, cut)
            state.code_step(offset_of(state.number))
            if index % 2:
                references.append(state.reference.copy())
            self._analysis.see(original[index], state.reference)
            self._analysis.encode(state, 0, index, every, original, bits=bits[index - 1])
            state.finish_frame(index, original)
            hints.append(Hints(state.fields.mode.copy(), state.fields.mv.copy()))
            block_errors(original, state.frames, index, errors[index - 1])
        # λ in squared grey levels a bit.
        lam = LAMBDA * 4.0 ** ((100 - state.quality) / 10)
        return _Singles(hints, references, errors + lam * bits)


class _Singles(NamedTuple):
    """A tree coded as single frames.

    references: the reference frame of each even one.   costs (n, rows, columns): J of each block and frame.
    """

    hints: list[Hints]
    references: list[Planes]
    costs: Costs


class _Row:
    """The cuts of one row of blocks."""

    def __init__(
        self, state: GopState, analysis: Analysis, original: Planes, singles: _Singles, row: int
    ) -> None:
        self._state, self._analysis, self._original = state, analysis, original
        self._singles, self._row = singles, row

    def cut(self, level: int, cut: NDArray[np.int8]) -> None:
        """Choose cut (n, columns); the hints of longer windows are put right."""
        singles, row, bases = self._singles, self._row, self._state.bases
        best = singles.costs[:, row]
        length, strip = 1 << level, np.s_[row * BLOCK : (row + 1) * BLOCK]
        numbers = leaves_of(self._original[1 : 1 + length, :, strip]) @ bases.rows[0].T
        for above in range(1, level + 1):
            pairs = best[0::2] + best[1::2]
            count = len(pairs)
            halves = numbers.reshape(count, 2, -1, C).transpose(0, 2, 1, 3)
            numbers = halves.reshape(count, -1, 2 * C) @ bases.sweepers[above - 1].T
            before = leaves_of(self._state.frames[: length : 1 << above, :, strip]) @ bases.still[above].T
            costs = self._still(above, pairs, numbers - before)
            moving = self._moving(above, pairs)
            costs, along = np.minimum(costs, moving), moving < costs
            wins = costs * _WINDOW_BIAS < pairs
            for window, column in zip(*np.nonzero(wins), strict=True):
                cut[window << above : (window + 1) << above, column] = above
                hints = singles.hints[window << above]
                leaves = np.s_[2 * row + 1 : 2 * row + 3, 2 * column + 1 : 2 * column + 3]
                hints.mv[leaves] = hints.mv[leaves][0, 0] if along[window, column] else 0
            best = np.where(wins, costs * _WINDOW_BIAS, pairs)

    def _still(self, level: int, pairs: Costs, numbers: NDArray[np.float32]) -> Costs:
        state, original = self._state, self._original
        errors = np.zeros(pairs.shape)
        still_errors(original, 1, level, state.frames, self._row, errors)
        costs = np.full(pairs.shape, _NEVER)
        wanted = errors < _SCREEN * _GREY2 * pairs
        if wanted.any():
            node = state.node(level, 1)
            search = self._analysis.search(state, level, node.step, original, None)
            shaped = numbers.reshape(*pairs.shape, 4, C)
            still_costs(node, search, wanted, self._row, shaped, errors, costs)
        return costs

    def _moving(self, level: int, pairs: Costs) -> Costs:
        state, singles = self._state, self._singles
        costs = np.full(pairs.shape, _NEVER)
        if level > _MOVING_LEVEL:
            return costs
        wanted = np.zeros(pairs.shape[1], np.bool_)
        for window in range(len(pairs)):
            first = window << level
            hints = singles.hints[first]
            moves(hints.mode, hints.mv, self._row, wanted)
            if wanted.any():
                node = state.node(level, first + 1)
                node = node._replace(ref=singles.references[first >> 1])
                search = self._analysis.search(state, level, node.step, self._original, hints)
                moving_costs(node, search, wanted, self._row, costs[window])
        return costs
