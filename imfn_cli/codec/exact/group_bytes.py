"""A group of an array as bytes and back, whatever its samples are.

u8        0: the samples as they are, little-endian; 1: coded; 2: coded, channels as differences to others
varint    size of what follows of exceptions, 0: there are none
…         exceptions
…         low bits of all samples, where they are kept apart
…         of 2: which channels (`bitstream.exact.channel_plan`)
the rest  whole numbers (`bitstream.exact.group`)
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...bitstream.entropy.varint import read_varint, varint
from ...bitstream.exact.channel_plan import ChannelPlan
from ...bitstream.exact.group import decode_group, encode_group
from .channels import cheapest_plan
from .exceptions import filled, packed_exceptions, put_exceptions
from .samples import SampleMap

Array = NDArray[Any]
Shape = tuple[int, int, int, int]

_RAW, _CODED, _DIFFERENT = b"\0", b"\1", b"\2"


def encode(samples: Array, how: SampleMap, max_error: float) -> bytes:
    """samples: (T, H, W, C). What `decode` makes of it is within `max_error`; exactly as it was for 0."""
    finite = np.isfinite(samples) if how.dtype.kind == "f" else None
    whole = samples if finite is None or finite.all() else filled(samples, finite)
    values, low = how.to_whole(whole)
    certain = how.coding == "integer" and how.error_steps == 0
    if values.min() < how.limits[0] or values.max() > how.limits[1]:
        # Rounding, or a source that has changed meanwhile.
        np.clip(values, *how.limits, out=values)
        certain = False
    plan = ChannelPlan.plain(values.shape[3])
    if how.differences:
        plan = cheapest_plan(values, how.error_steps)
    data, decoded = encode_group(values, how.limits, how.error_steps, plan)
    exceptions = b""
    if not certain:
        wrong = _wrong(samples, how.from_whole(decoded, low), max_error)
        exceptions = packed_exceptions(samples, wrong) if wrong.any() else b""
    parts = [_DIFFERENT if plan.differs else _CODED, varint(len(exceptions)), exceptions]
    if low is not None:
        parts.append(_pack_low(low.ravel(), how.low_bits))
    if plan.differs:
        parts.append(plan.to_bytes())
    coded = b"".join([*parts, data])
    if len(coded) <= samples.nbytes:
        return coded
    return _RAW + np.ascontiguousarray(samples, how.dtype.newbyteorder("<")).tobytes()


def decode(data: bytes, shape: Shape, how: SampleMap) -> Array:
    """The samples (T, H, W, C) of a group. Raises `ValueError` where its bytes are damaged."""
    if data[:1] == _RAW:
        return np.frombuffer(data[1:], how.dtype.newbyteorder("<")).reshape(shape).astype(how.dtype)
    different = data[:1] == _DIFFERENT and how.differences
    if data[:1] != _CODED and not different:
        raise ValueError("unknown kind of group")
    size, at = read_varint(data, 1)
    exceptions, at = data[at : at + size], at + size
    low = None
    if how.low_bits:
        count = int(np.prod(shape, dtype=np.int64))
        end = at + -(-count * how.low_bits // 8)
        low = _unpack_low(data[at:end], count, how.low_bits).reshape(shape)
        at = end
    plan = ChannelPlan.plain(shape[3])
    if different:
        plan = ChannelPlan.from_bytes(data[at:], shape[3])
        at += 2 * shape[3]
    samples = how.from_whole(decode_group(data[at:], shape, how.limits, how.error_steps, plan), low)
    if exceptions:
        put_exceptions(samples, exceptions)
    return samples


def _wrong(samples: Array, restored: Array, max_error: float) -> NDArray[np.bool_]:
    """Which samples did not come back as they should."""
    if max_error == 0:
        bits = f"u{samples.dtype.itemsize}"
        return np.ascontiguousarray(samples).view(bits) != np.ascontiguousarray(restored).view(bits)
    return ~within(samples, restored, max_error)


def within(samples: Array, restored: Array, max_error: float) -> NDArray[np.bool_]:
    """Which samples differ by at most `max_error`; those that are not finite by no bit."""
    if samples.dtype.kind != "f":
        larger, smaller = np.maximum(samples, restored), np.minimum(samples, restored)
        unsigned = f"u{samples.dtype.itemsize}"
        # The difference of integers of any width, without overflow.
        native = samples.dtype.newbyteorder("=")
        difference = larger.astype(native).view(unsigned) - smaller.astype(native).view(unsigned)
        return difference <= max_error
    wide = np.float64 if samples.dtype.itemsize < 8 else np.longdouble
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(samples.astype(wide) - restored.astype(wide)) <= max_error
    bits = f"u{samples.dtype.itemsize}"
    same = np.ascontiguousarray(samples).view(bits) == np.ascontiguousarray(restored).view(bits)
    return np.where(np.isfinite(samples), near, same)


def _pack_low(low: NDArray[np.int64], bits: int) -> bytes:
    """Numbers of `bits` bits, first bit first, in as few bytes as they need."""
    parts = [np.packbits(_bits_of(part, bits)).tobytes() for part in _pieces(low)]
    return b"".join(parts)


def _unpack_low(data: bytes, count: int, bits: int) -> NDArray[np.int64]:
    packed = np.frombuffer(data, np.uint8)
    if len(packed) * 8 < count * bits:
        raise ValueError("low bits run out")
    values = np.empty(count, np.int64)
    for start in range(0, count, _PIECE):
        stop = min(count, start + _PIECE)
        piece = packed[start * bits // 8 : -(-stop * bits // 8)]
        spread = np.unpackbits(piece, count=(stop - start) * bits).reshape(-1, bits)
        padded = np.zeros((stop - start, 64), np.uint8)
        padded[:, 64 - bits :] = spread
        values[start:stop] = np.packbits(padded, axis=1).view(">i8")[:, 0]
    return values


# A multiple of eight, so that pieces end at whole bytes.
_PIECE = 1 << 16


def _pieces(values: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [values[start : start + _PIECE] for start in range(0, len(values), _PIECE)]


def _bits_of(values: NDArray[np.int64], bits: int) -> NDArray[np.uint8]:
    spread = np.unpackbits(values.astype(">i8").view(np.uint8).reshape(-1, 8), axis=1)
    return spread[:, 64 - bits :]
