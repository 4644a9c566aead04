"""A group of frames as bytes: whole numbers (frames, height, width, channels) within an error, and back.

The decoder does what the encoder did, in whole numbers: what it predicts is the same on every machine.
"""

import math
import struct
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .channel_plan import ChannelPlan, difference_limits
from .kernels import Into, encode_samples, energies, restore_samples
from .lattice import Pass, levels, margin, passes
from .prediction import (
    FEWEST_CHOSEN,
    FEWEST_FITTED,
    Array,
    Plane,
    References,
    Samples,
    Weights,
    fitted_weights,
    predicted,
    preset_weights,
    taps_of,
)
from .residuals import ResidualReader, ResidualWriter
from .tables import HIGHEST_ENERGY, UNKNOWN, contexts_of

#: Samples are coded as whole numbers of at most this many bits, sign included.
MOST_BITS = 42
_LARGEST_MAGNITUDE = HIGHEST_ENERGY >> 4
# Contexts of small magnitudes, looked up.
_CONTEXTS = contexts_of(np.arange(1 << 12))
# Samples that are worked on at a time, at least one frame.
_BATCH = 1 << 22

Integers = NDArray[np.int64]


class _Coder(Protocol):
    """One side of the codec: how weights and residuals come about."""

    def offset(self, channel: int) -> int: ...

    def weights(self, place: "_Place", taps: list[Samples], innovations: list[Samples]) -> Weights: ...

    def preset(
        self, place: "_Place", taps: list[Samples], innovations: list[Samples], presets: list[Weights]
    ) -> int: ...

    def residuals(
        self, place: "_Place", prediction: Integers, contexts: NDArray[np.uint8], into: Into
    ) -> None: ...

    def restored(self, place: "_Place", samples: Array) -> None: ...


class _Place:
    """Where the walk is: samples of a pass, of some frames, in one channel."""

    def __init__(self, channel: int, frames: slice, one: Pass) -> None:
        self.channel, self.frames, self.one = channel, frames, one

    def of(self, samples: Array) -> Array:
        """Their part of samples (frames, height, width, channels)."""
        one = self.one
        return samples[self.frames, one.top :: one.stride, one.left :: one.stride, self.channel]


def encode_group(
    samples: Array, limits: tuple[int, int], max_error: int, plan: ChannelPlan | None = None
) -> tuple[bytes, Integers]:
    """The bytes of a group, and what `decode_group` makes of them.

    samples: whole numbers (T, H, W, C) within `limits`.   max_error: that they come back with, 0 or more.
    plan: of channels; the bytes do not hold it. None: all as they are.
    """
    plan = plan or ChannelPlan.plain(samples.shape[3])
    coder = _Encoder(samples, limits, max_error, plan)
    walk = _Walk(samples.shape, limits, 2 * max_error + 1, coder, plan)
    walk.go()
    return coder.to_bytes(), walk.samples() if max_error else samples


def decode_group(
    data: bytes,
    shape: tuple[int, int, int, int],
    limits: tuple[int, int],
    max_error: int,
    plan: ChannelPlan | None = None,
) -> Integers:
    """What `encode_group` was given, each within `max_error`. Raises `ValueError` where bytes are damaged."""
    coder = _Decoder(data, shape[3])
    plan = plan or ChannelPlan.plain(shape[3])
    walk = _Walk(shape, limits, 2 * max_error + 1, coder, plan)
    walk.go()
    if not coder.finished:
        raise ValueError("bytes are left over")
    return walk.samples()


def plane_bytes(
    frames: int, height: int, width: int, limits: tuple[int, int], max_error: int, differences: bool
) -> int:
    """Bytes that a channel of a group takes while it is decoded; arguments as in `decode_group`.

    differences: whether it may be one of two channels.
    """
    limits = difference_limits(limits) if differences else limits
    rows, columns = (length + 2 * margin for length, margin in _with_margins(height, width))
    stored = np.dtype(_stored_type(limits, 2 * max_error + 1)).itemsize
    return rows * columns * (frames * (stored + 4) + 8)


def _with_margins(height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
    found = passes(height, width)
    return (height, margin(height, found, 0)), (width, margin(width, found, 1))


def _bits_of(limits: tuple[int, int], step: int) -> int:
    # Decoded samples may lie outside the limits by the error.
    return max(abs(limits[0]) + step, abs(limits[1]) + step).bit_length() + 1


def _stored_type(limits: tuple[int, int], step: int) -> type[np.int32] | type[np.int64]:
    return np.int32 if _bits_of(limits, step) <= 30 else np.int64


class _Encoder:
    def __init__(self, samples: Array, limits: tuple[int, int], max_error: int, plan: ChannelPlan) -> None:
        self._plan, self._limits = plan, plan.limits(limits)
        # Within an error what is restored is taken off, pass by pass: errors must not add up.
        self._within_error = max_error > 0
        self._samples = samples
        if plan.differs:
            self._samples = samples.copy() if self._within_error else plan.subtracted(samples)
        self._restored: dict[int, Integers] = {}
        self._writer = ResidualWriter()
        self._weights: list[bytes] = []
        means = [float(samples[0, :, :, c].mean()) for c in range(samples.shape[3])]
        self._offsets = [
            int(mean if other is None else mean - means[other])
            for mean, other in zip(means, plan.references, strict=True)
        ]

    def offset(self, channel: int) -> int:
        return self._offsets[channel]

    def weights(self, place: _Place, taps: list[Samples], innovations: list[Samples]) -> Weights:
        weights = fitted_weights(place.of(self._samples), taps, innovations, self._limits)
        self._weights.append(weights.astype("<i2").tobytes())
        return weights

    def preset(
        self, place: _Place, taps: list[Samples], innovations: list[Samples], presets: list[Weights]
    ) -> int:
        target = place.of(self._samples)
        costs = [
            float(np.abs(target - predicted(taps, innovations, one)).sum(dtype=np.float64)) for one in presets
        ]
        chosen = int(np.argmin(costs))
        self._weights.append(bytes([chosen]))
        return chosen

    def residuals(self, place: _Place, prediction: Integers, contexts: NDArray[np.uint8], into: Into) -> None:
        found = encode_samples(prediction, place.of(self._samples), into)
        self._writer.write(found, contexts)

    def restored(self, place: _Place, samples: Array) -> None:
        """Take a pass of a channel, as the decoder will have it, off those that are coded as differences."""
        followers = self._plan.followers(place.channel)
        if not (self._within_error and followers):
            return
        reference = self._plan.references[place.channel]
        whole = samples.astype(np.int64)
        if reference is not None:
            whole += self._restored[reference]
        self._restored[place.channel] = whole
        for channel in followers:
            _Place(channel, place.frames, place.one).of(self._samples)[...] -= whole

    def to_bytes(self) -> bytes:
        weights = b"".join(self._weights)
        offsets = struct.pack(f"<{len(self._offsets)}q", *self._offsets)
        return struct.pack("<I", len(weights)) + offsets + weights + self._writer.to_bytes()


class _Decoder:
    def __init__(self, data: bytes, channels: int) -> None:
        at = 4 + 8 * channels
        if len(data) < at:
            raise ValueError("too few bytes")
        (size,) = struct.unpack_from("<I", data)
        self._offsets = struct.unpack_from(f"<{channels}q", data, 4)
        self._weights = data[at : at + size]
        self._reader = ResidualReader(data[at + size :])
        self._at = 0

    def offset(self, channel: int) -> int:
        return int(self._offsets[channel])

    def weights(self, place: _Place, taps: list[Samples], innovations: list[Samples]) -> Weights:
        return np.frombuffer(self._take(2 * (len(taps) + len(innovations))), "<i2").astype(np.int64)

    def preset(
        self, place: _Place, taps: list[Samples], innovations: list[Samples], presets: list[Weights]
    ) -> int:
        chosen = self._take(1)[0]
        if chosen >= len(presets):
            raise ValueError("no such weights")
        return chosen

    def _take(self, size: int) -> bytes:
        part = self._weights[self._at : self._at + size]
        if len(part) < size:
            raise ValueError("too few weights")
        self._at += size
        return part

    def residuals(self, place: _Place, prediction: Integers, contexts: NDArray[np.uint8], into: Into) -> None:
        found = self._reader.read(contexts)
        restore_samples(prediction, found, into)

    def restored(self, place: _Place, samples: Array) -> None:
        """Nothing to be done: differences are added up at the end."""

    @property
    def finished(self) -> bool:
        return self._at == len(self._weights) and self._reader.finished


class _Walk:
    """Both sides' way through a group: by level, some frames at a time, by pass, by channel."""

    def __init__(
        self, shape: tuple[int, ...], limits: tuple[int, int], step: int, coder: _Coder, plan: ChannelPlan
    ) -> None:
        self._frames, height, width, self._channels = shape
        self._size = (height, width)
        limits = plan.limits(limits)
        self._limits, self._step, self._coder, self._plan = limits, step, coder, plan
        self._passes = passes(height, width)
        (_, down), (_, right) = _with_margins(height, width)
        margins = (down, right)
        stored = _stored_type(limits, step)
        make = Plane.empty
        self._planes = [make(self._frames, self._size, margins, stored) for _ in range(self._channels)]
        self._sizes = [make(self._frames, self._size, margins, np.int32) for _ in range(self._channels)]
        self._sums = [make(1, self._size, margins, np.int64) for _ in range(self._channels)]
        self._known = 0
        self._level_weights: dict[tuple[int, int], Weights] = {}

    def go(self) -> None:
        """Code everything."""
        batch = max(1, _BATCH // (self._size[0] * self._size[1]))
        for frames, distance in levels(self._frames):
            count = len(range(*frames.indices(self._frames)))
            references = [self._references(c, frames, distance) for c in range(self._channels)]
            self._level_weights.clear()
            for first in range(0, count, batch):
                self._code(frames, slice(first, min(first + batch, count)), distance, references)
            for c in range(self._channels):
                chosen = self._planes[c].frames(frames)
                chosen.extend_complete()
                self._sums[c].samples[0] += chosen.samples.sum(axis=0, dtype=np.int64)
            self._known += count

    def samples(self) -> Integers:
        """What has been coded, (T, H, W, C)."""
        whole = np.empty((self._frames, *self._size, self._channels), np.int64)
        for channel, plane in enumerate(self._planes):
            whole[..., channel] = plane.inner
        self._plan.add(whole)
        return whole

    def _references(self, channel: int, frames: slice, distance: int) -> References | None:
        """Frames around those of a level; none for the first one."""
        if not distance:
            return None
        indices = np.arange(*frames.indices(self._frames))
        plane, sizes = self._planes[channel], self._sizes[channel]

        def beside(which: Plane, off: int) -> Plane:
            at = indices + off
            # The nearest frames that are known stand in for those outside.
            at = np.where(at < 0, indices - distance, at)
            at = np.where(at >= self._frames, indices + distance, at)
            at = np.where(at >= self._frames, indices - distance, at)
            if (np.diff(at) == 2 * distance).all():
                return which.frames(slice(int(at[0]), int(at[-1]) + 1, 2 * distance))
            return Plane(which.samples, which.margins, which.size, at)

        known = self._known
        mean = (2 * self._sums[channel].samples + known) // (2 * known)
        before, after, earlier, later = (beside(plane, off * distance) for off in (-1, 1, -3, 3))
        mean_plane = Plane(mean.astype(plane.samples.dtype), plane.margins, plane.size)
        around = (beside(sizes, -distance), beside(sizes, distance))
        return References(before, after, earlier, later, mean_plane, around)

    def _code(
        self,
        frames: slice,
        part: slice,
        distance: int,
        references: list[References | None],
    ) -> None:
        """Code `part` of a level's frames."""
        first = frames.start + part.start * (frames.step or 1)
        last = frames.start + part.stop * (frames.step or 1)
        chosen = slice(first, min(frames.stop, last), frames.step)
        for index, one in enumerate(self._passes):
            innovations: list[Samples] = []
            for c in self._plan.order:
                around = references[c]
                here = None if around is None else around.frames(part)
                new = self._code_pass(_Place(c, chosen, one), index, here, innovations[:2])
                if new is not None:
                    innovations.insert(0, new)

    def _weights_of(
        self, place: _Place, taps: list[Samples], innovations: list[Samples], inter: bool
    ) -> Weights:
        """The weights of a pass, which hold for the other frames of the level too."""
        if len(taps) > 1 and math.prod(taps[0].shape) >= FEWEST_FITTED:
            return self._coder.weights(place, taps, innovations)
        zeros = np.zeros(len(innovations), np.int64)
        presets = [np.concatenate((one, zeros)) for one in preset_weights(place.one, self._size, inter)]
        if math.prod(taps[0].shape) < FEWEST_CHOSEN:
            return presets[0]
        return presets[self._coder.preset(place, taps, innovations, presets)]

    def _code_pass(
        self,
        place: _Place,
        index: int,
        around: References | None,
        innovations: list[Samples],
    ) -> Array | None:
        """Code a channel's pass; returns its innovations, for the channels after it."""
        one, c = place.one, place.channel
        plane, sizes = self._planes[c].frames(place.frames), self._sizes[c].frames(place.frames)
        plane.extend(one)
        sizes.extend(one)
        target = plane.own(one)
        taps = taps_of(one, plane, around)
        if not taps:
            prediction = np.full(target.shape, self._coder.offset(c), np.int64)
        else:
            weights = self._level_weights.get((index, c))
            if weights is None:
                weights = self._weights_of(place, taps, innovations, around is not None)
                self._level_weights[index, c] = weights
            prediction = predicted(taps, innovations, weights)
        contexts = _contexts(one, sizes, around.sizes if around else None, target.shape)
        # The last channel's are looked at by no other.
        last = c == self._plan.order[-1]
        new = None if last else np.empty(target.shape, target.dtype)
        into = Into(self._limits, self._step, _LARGEST_MAGNITUDE, target, sizes.own(one), new)
        self._coder.residuals(place, prediction, contexts, into)
        self._coder.restored(place, target)
        return new


def _contexts(
    one: Pass, sizes: Plane, around: tuple[Plane, Plane] | None, shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    """The context (N,) of each sample, by the magnitude of the residuals around it."""
    near = len(one.near)
    if not near and not around:
        return np.full(int(np.prod(shape)), UNKNOWN, np.uint8)
    # Sixteen in all: those in space count three quarters, a half where corners are among them.
    arrays = [sizes.at(one, *offset) for offset in one.near]
    if around:
        each = {0: 1, 2: 6, 4: 3, 8: 1}[near]
        weights = [each] * near + [{0: 8, 2: 2, 4: 2, 8: 4}[near]] * 2
        arrays += [plane.at(one) for plane in around]
    else:
        weights = [16 // near] * near
    return energies(arrays, np.array(weights, np.int64), _CONTEXTS, len(_CONTEXTS) - 1)
