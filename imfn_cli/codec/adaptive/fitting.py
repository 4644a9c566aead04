"""Fits what the coder knows before it begins to training clips: relations of channels, loop filter, contexts.

    clips ──leaf transform──▶ near, both ──encode──▶ loop ──encode──▶ p, n, w

Each stage encodes the clips' first frames at several qualities with what was fitted before.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...bitstream.adaptive.binary_coder import new_coder
from ...bitstream.adaptive.frame_flags import CONTEXTS, SETS
from ...bitstream.adaptive.residual import clear
from ...zoo.model import Model
from .bases import Bases, bases_of
from .effort import effort_of
from .gop_encoder import GopEncoder, capacity_of
from .gop_state import GopState, Planes, leaves_of, planes_of
from .kernels.block_state import C
from .kernels.loop_filter import CLASSES, TAPS, WEIGHT_BITS, gather_statistics
from .parameters import ACTIVITY
from .tables import Tables, save_tables

Clip = NDArray[np.uint8]
Progress = Callable[[int, int], None]

# Qualities of the clips, in turn, so that each stage sees all of them.
_QUALITIES = (60, 30, 45, 20, 52, 37)
_ROUNDS = 2
# Counts of contexts begin low enough to adapt.
_MOST_SEEN = 16
_NEAR, _BOTH = 6, 4
# Longer trees take long, and teach little that shorter ones do not.
_LEVEL = 4
# Steps of the relations' symbols: of single frames, and of differences between two, in grey levels.
_STEPS = (14.0, 12.0)


def fit_adaptive_tables(
    clips: Sequence[Clip], model: Model, output: Path, progress: Progress = lambda *_: None
) -> None:
    """Fit tables to clips (T, H, W, 3) uint8 of at least two frames, and write them to `output`.

    progress: called with encodes done, and in all. Raises `OutputError` as `save_tables` does.
    """
    save_tables(_fit(clips, bases_of(model, _LEVEL), progress), output)


def _fit(clips: Sequence[Clip], bases: Bases, progress: Progress) -> Tables:
    near, both = _relations(clips, bases)
    coder = new_coder(CONTEXTS, SETS)
    clear(coder)
    tables = Tables(near, both, coder.p, coder.n, coder.w, np.zeros((CLASSES, TAPS), np.int32))
    done = 0
    for stage in range(2 * _ROUNDS):
        sums = FilterSums()
        for number, clip in enumerate(clips):
            state = _FittingState(clip, _QUALITIES[(number + stage) % len(_QUALITIES)], bases, tables, sums)
            encoder = GopEncoder(state, effort_of(3))
            encoder.first(clip[:1])
            for _ in encoder.trees(clip, len(bases.rows) - 1):
                pass
            coder = state.coder
            counts = np.minimum(coder.n, _MOST_SEEN)
            tables = tables._replace(p=coder.p.copy(), n=counts, w=coder.w.copy())
            done += 1
            progress(done, 2 * _ROUNDS * len(clips))
        if stage < _ROUNDS:
            tables = tables._replace(loop=sums.weights())
    return tables


class FilterSums:
    """Normal equations of the loop filter's weights."""

    def __init__(self) -> None:
        self.a, self.b = np.zeros((CLASSES, TAPS, TAPS)), np.zeros((CLASSES, TAPS))

    def weights(self) -> NDArray[np.int32]:
        """Least squares for every class, a little towards 0: (classes, taps)."""
        solved = np.zeros_like(self.b)
        for one, (a, b) in enumerate(zip(self.a, self.b, strict=True)):
            ridge = np.eye(TAPS) * (np.trace(a) / TAPS * 1e-3 + 1e-6)
            solved[one] = np.linalg.solve(a + ridge, b)
        return np.round(solved * (1 << WEIGHT_BITS)).astype(np.int32)


class _FittingState(GopState):
    """A GOP whose frames' statistics go to `sums`; of its plan, a copy, nothing does."""

    def __init__(self, clip: Clip, quality: int, bases: Bases, tables: Tables, sums: FilterSums) -> None:
        count, height, width, _ = clip.shape
        top, capacity = len(bases.rows) - 1, capacity_of(count, height, width)
        super().__init__((height, width), top, quality, bases, capacity=capacity, tables=tables)
        self._sums: FilterSums | None = sums

    def copied(self) -> GopState:
        other = super().copied()
        assert isinstance(other, _FittingState)
        other._sums = None
        return other

    def filter_frame(self, frame: Planes, step: int, original: Planes | None) -> None:
        if self._sums is not None and original is not None:
            lasts, modes = self.fields.lasts, self.fields.mode
            self.pad(frame)
            gather_statistics(
                *(self.reference, frame, original, lasts, modes, step, ACTIVITY, self._sums.a, self._sums.b)
            )
        super().filter_frame(frame, step, original)


def _relations(clips: Sequence[Clip], bases: Bases) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """near (C, 6), both (C, 4): which channels' magnitudes tell most of each, beyond the leaf's activity."""
    correlation = np.zeros((C, C))
    for kind, step in enumerate(_STEPS):
        symbols = np.concatenate([_magnitudes(clip, bases, kind, step) for clip in clips])
        logs = np.log1p(symbols[symbols.sum(1) > 0])
        # What is known from the leaf's activity as a whole is no relation.
        activity = logs.mean(1, keepdims=True)
        rest = logs - activity @ np.linalg.lstsq(activity, logs, rcond=None)[0]
        covariance = rest.T @ rest / len(rest)
        deviation = np.sqrt(np.diag(covariance)) + 1e-3
        correlation += covariance / np.outer(deviation, deviation)
    near, both = np.full((C, _NEAR), -1, np.int16), np.zeros((C, _BOTH), np.int16)
    for channel in range(C):
        order = [one for one in np.argsort(-correlation[channel]) if one != channel]
        earlier = [one for one in order if one > channel][:_NEAR]
        near[channel, : len(earlier)] = earlier
        both[channel] = order[:_BOTH]
    return near, both


def _magnitudes(clip: Clip, bases: Bases, kind: int, step: float) -> NDArray[np.float64]:
    """Symbols' magnitudes up to 3 (leaves, C): of the first frame, or of the last less the one before."""
    frames = planes_of(clip[[0, -2, -1]]).astype(np.float64) / 16
    picked = frames[2:] - frames[1:2] if kind else frames[:1] - 128
    numbers = leaves_of(picked.astype(np.float32)) @ bases.rows[0].T
    return np.minimum(np.abs(np.round(numbers.reshape(-1, C) / step)), 3).astype(np.float64)
