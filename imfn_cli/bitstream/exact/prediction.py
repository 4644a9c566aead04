"""The prediction of a sample: a weighted sum of samples around it in space and time, in whole numbers."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .kernels import Samples, Scattered, gram, weighted_sum
from .lattice import Offset, Pass

#: Weights are in units of 2^-PRECISION.
PRECISION = 12
_ONE = 1 << PRECISION
#: Passes of fewer samples are predicted by preset weights, and of even fewer by the first of those.
FEWEST_FITTED, FEWEST_CHOSEN = 1024, 32
# Samples that weights are fitted to, at most.
_MOST_FITTED = 30_000
# Samples below this, as those of 8 bits and their differences are, are fitted to in 32 bits.
_SMALL = 1 << 9
_LARGEST_WEIGHT = (1 << 15) - 1

Array = NDArray[Any]
Weights = NDArray[np.int64]


class Plane:
    """Samples (frames, height, width) of one channel, with a margin around each frame."""

    def __init__(
        self,
        samples: Array,
        margins: tuple[int, int],
        size: tuple[int, int],
        order: NDArray[np.int64] | None = None,
    ) -> None:
        """order: which frames of `samples` these are; None: all."""
        self.samples, self.margins, self.size, self.order = samples, margins, size, order

    @classmethod
    def empty(cls, frames: int, size: tuple[int, int], margins: tuple[int, int], dtype: Any) -> "Plane":
        """Zeros."""
        shape = (frames, size[0] + 2 * margins[0], size[1] + 2 * margins[1])
        return cls(np.zeros(shape, dtype), margins, size)

    def frames(self, chosen: slice) -> "Plane":
        """Some of the frames, the same memory."""
        if self.order is not None:
            return Plane(self.samples, self.margins, self.size, self.order[chosen])
        return Plane(self.samples[chosen], self.margins, self.size)

    @property
    def inner(self) -> Array:
        """The samples without margins."""
        (down, right), (height, width) = self.margins, self.size
        return self.samples[:, down : down + height, right : right + width]

    def at(self, one: Pass, dy: int = 0, dx: int = 0) -> Samples:
        """The samples of a pass, or their neighbours at an offset."""
        top, left = self.margins[0] + one.top + dy, self.margins[1] + one.left + dx
        rows = range(one.top, self.size[0], one.stride)
        columns = range(one.left, self.size[1], one.stride)
        found = self.samples[
            :,
            top : top + (len(rows) - 1) * one.stride + 1 : one.stride,
            left : left + (len(columns) - 1) * one.stride + 1 : one.stride,
        ]
        return found if self.order is None else Scattered(found, self.order)

    def own(self, one: Pass) -> Array:
        """The samples of a pass, to be written; frames in their order."""
        found = self.at(one)
        assert isinstance(found, np.ndarray)
        return found

    def extend(self, one: Pass) -> None:
        """Fill the lines outside that a pass asks for."""
        down, right = self.margins
        for outside, inside in one.columns:
            self.samples[:, :, right + outside] = self.samples[:, :, right + inside]
        for outside, inside in one.rows:
            self.samples[:, down + outside] = self.samples[:, down + inside]

    def extend_complete(self) -> None:
        """Repeat the border once, around frames of which all is known."""
        (down, right), (height, width) = self.margins, self.size
        for outside, inside in ((right - 1, right), (right + width, right + width - 1)):
            self.samples[:, :, outside] = self.samples[:, :, inside]
        for outside, inside in ((down - 1, down), (down + height, down + height - 1)):
            self.samples[:, outside] = self.samples[:, inside]


class References(NamedTuple):
    """Complete frames around those of a level.

    before, after: nearest in time.   earlier, later: three times as far.   mean: of all that are known, one
    frame.   sizes: magnitudes of residuals in those before and after.
    """

    before: Plane
    after: Plane
    earlier: Plane
    later: Plane
    mean: Plane
    sizes: tuple[Plane, Plane]

    def frames(self, chosen: slice) -> "References":
        """Those of some of the level's frames."""
        before, after, earlier, later = (plane.frames(chosen) for plane in self[:4])
        sizes = (self.sizes[0].frames(chosen), self.sizes[1].frames(chosen))
        return References(before, after, earlier, later, self.mean, sizes)


def taps_of(one: Pass, frames: Plane, references: References | None) -> list[Samples]:
    """What a pass is predicted from, each (frames, rows, columns); the first is what others are compared to.

    Without references: near and far neighbours. Else the same position in the four frames around, then
    positions around it in those before and after, in the mean, and at last near and far neighbours.
    """
    near = [frames.at(one, *offset) for offset in one.near]
    far = [frames.at(one, *offset) for offset in one.far]
    if references is None:
        return near + far
    before, after, mean = references.before, references.after, references.mean
    at_once = [plane.at(one) for plane in (before, after, references.earlier, references.later)]
    around = [plane.at(one, *offset) for plane in (before, after) for offset in _around(one, frames.size)]
    means = [_repeated(mean.at(one, *offset), at_once[0].shape[0]) for offset in ((0, 0), *one.near[:4])]
    return at_once + around + means + near + far


def _repeated(frame: Samples, count: int) -> Samples:
    """A frame (1, H, W) so many times."""
    assert isinstance(frame, np.ndarray)
    return Scattered(frame, np.zeros(count, np.int64))


def _around(one: Pass, size: tuple[int, int]) -> list[Offset]:
    """Where to look in complete frames: next to a sample, and where its near neighbours are."""
    beside = ((0, -1), (0, 1), (-1, 0), (1, 0))
    found = [(dy, dx) for dy, dx in beside if (dy == 0 or size[0] > 1) and (dx == 0 or size[1] > 1)]
    return found + [offset for offset in one.near if offset not in found]


def preset_weights(one: Pass, size: tuple[int, int], inter: bool) -> list[Weights]:
    """Weights for `taps_of` to choose from in a pass of few samples, the likeliest first.

    In space: the mean of all near neighbours, or of two. In time: half of each frame around, corrected by
    half, none or all of how the near neighbours differ from theirs; or the frame before.
    """
    near = len(one.near)
    if not inter:
        two = [_ONE // 2, _ONE // 2] + [0] * (near - 2)
        return [np.array(own + [0] * len(one.far), np.int64) for own in ([_ONE // near] * near, two)]
    around, means = _around(one, size), 1 + len(one.near[:4])
    found = []
    for before, after, corrected in ((2, 2, 2), (2, 2, 0), (2, 2, 4), (4, 0, 0)):
        each = corrected * _ONE // 4 // near if near else 0
        in_frame = [-each // 2 if offset in one.near else 0 for offset in around]
        in_time = [before * _ONE // 4, after * _ONE // 4, 0, 0]
        own = in_time + 2 * in_frame + [0] * means + [each] * near + [0] * len(one.far)
        found.append(np.array(own, np.int64))
    return found


def fitted_weights(
    target: Array, taps: list[Samples], innovations: list[Samples], limits: tuple[int, int]
) -> Weights:
    """Least squares: weights (taps + innovations) for `target`; those of taps sum to one.

    limits: of samples.
    """
    chosen = _sample(target.shape)
    base = taps[0][chosen]
    assert isinstance(base, np.ndarray), "the first tap is of frames that lie evenly"
    others = [tap[chosen] for tap in taps[1:]]
    # Sums of larger products have to be more exact than noise is small.
    dtype = np.float32 if max(-limits[0], limits[1]) < _SMALL else np.float64
    products = gram(base, others, [one[chosen] for one in innovations], target[chosen], dtype)
    square = products[:-1, :-1]
    square.flat[:: len(square) + 1] += 1e-9 * np.trace(square) / len(square) + 1
    found = np.linalg.solve(square, products[:-1, -1])
    weights = np.rint(found * _ONE).clip(-_LARGEST_WEIGHT, _LARGEST_WEIGHT).astype(np.int64)
    own = _ONE - int(weights[: len(taps) - 1].sum())
    return np.concatenate(([np.clip(own, -_LARGEST_WEIGHT, _LARGEST_WEIGHT)], weights))


def _sample(shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Every so many frames and rows, at most about `_MOST_FITTED` samples."""
    every = -(-int(np.prod(shape)) // _MOST_FITTED)
    rows = min(every, max(1, shape[1] // 8))
    frames = -(-every // rows)
    # An odd distance: pictures that were coded in blocks repeat themselves at even ones.
    rows |= 1
    return (slice(None, None, frames), slice(rows // 2, None, rows))


def predicted(taps: list[Samples], innovations: list[Samples], weights: Weights) -> NDArray[np.int64]:
    """The weighted sum, rounded."""
    return weighted_sum(taps + innovations, weights, _ONE // 2, PRECISION)
