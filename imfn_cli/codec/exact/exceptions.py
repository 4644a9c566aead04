"""Samples that whole numbers cannot hold, apart: infinite, not a number, negative zero, or rounded too far.

varint  size of the places
…       zlib: a bit for each sample, of every frame the difference to the frame before
…       zlib: the samples' bytes, little-endian
"""

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...bitstream.entropy.varint import read_varint, varint

Array = NDArray[Any]


def filled(samples: Array, finite: NDArray[np.bool_]) -> Array:
    """Samples with others in place of those that are not finite: of the frame before, else the mean."""
    filled = samples.copy()
    with np.errstate(over="ignore", invalid="ignore"):
        # Of the widest floats there is none; zero stands in for it below.
        mean = samples[finite].mean(dtype=np.float64) if finite.any() else 0.0
        filled[0] = np.where(finite[0], filled[0], mean)
    for t in range(1, len(filled)):
        filled[t] = np.where(finite[t], filled[t], filled[t - 1])
    return np.where(np.isfinite(filled), filled, 0).astype(samples.dtype)


def packed_exceptions(samples: Array, wrong: NDArray[np.bool_]) -> bytes:
    """The samples (T, …) that are `wrong`, and where they are."""
    flags = wrong.reshape(len(wrong), -1)
    changes = np.concatenate((flags[:1], flags[1:] ^ flags[:-1]))
    places = zlib.compress(np.packbits(changes).tobytes(), 9)
    values = zlib.compress(samples[wrong].astype(samples.dtype.newbyteorder("<")).tobytes(), 9)
    return varint(len(places)) + places + values


def put_exceptions(samples: Array, data: bytes) -> None:
    """Put what `packed_exceptions` packed in its places. Raises ValueError where it is damaged."""
    size, at = read_varint(data, 0)
    packed = np.frombuffer(_inflated(data[at : at + size], -(-samples.size // 8)), np.uint8)
    changes = np.unpackbits(packed, count=samples.size).reshape(len(samples), -1)
    flags = np.bitwise_xor.accumulate(changes, axis=0).astype(bool).reshape(samples.shape)
    dtype = samples.dtype.newbyteorder("<")
    values = _inflated(data[at + size :], int(flags.sum()) * dtype.itemsize)
    samples[flags] = np.frombuffer(values, dtype)


def _inflated(data: bytes, size: int) -> bytes:
    """What zlib packed, which has to be `size` bytes; no more is ever unpacked."""
    unpacking = zlib.decompressobj()
    try:
        found = unpacking.decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError("damaged exceptions") from error
    if len(found) != size or not unpacking.eof:
        raise ValueError("damaged exceptions")
    return found
