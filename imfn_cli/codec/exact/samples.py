"""Samples of any type as whole numbers of at most 42 bits, and back.

Integers are taken as they are. Floats that are all multiples of a power of two are taken as such, and so are
floats that may differ; others by their bit patterns, which are brought into order. What is longer than 40
bits then keeps its last bits apart.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...bitstream.exact.array_header import ArrayHeader, Coding
from ...bitstream.exact.group import MOST_BITS

Array = NDArray[Any]
Integers = NDArray[np.int64]

_SIGN = 1 << 63


@dataclass(frozen=True)
class SampleMap:
    """dtype ↔ whole numbers, and whether those of channels may be differences, as in `ArrayHeader`."""

    dtype: np.dtype[Any]
    coding: Coding
    exponent: int
    low_bits: int
    base: int
    limits: tuple[int, int]
    error_steps: int
    differences: bool = False

    @classmethod
    def of(cls, header: ArrayHeader) -> "SampleMap":
        """The one that a header names."""
        return cls(
            np.dtype(header.dtype),
            header.coding,
            header.exponent,
            header.low_bits,
            header.base,
            header.limits,
            header.error_steps,
            header.differences,
        )

    def to_whole(self, samples: Array) -> tuple[Integers, Integers | None]:
        """Samples, all finite, → whole numbers, and their low bits where those are apart.

        The numbers are within `limits`, where samples are as they were when those were found.
        """
        if self.coding == "scaled":
            scaled = np.ldexp(samples.astype(np.float64), -self.exponent)
            values = np.rint(scaled).astype(np.int64)
        else:
            values = ordered(samples)
        low = values & ((1 << self.low_bits) - 1) if self.low_bits else None
        if self.low_bits:
            values = values >> self.low_bits
        values -= self.base
        return values, low

    def from_whole(self, values: Integers, low: Integers | None) -> Array:
        """The samples that whole numbers stand for, of `dtype`."""
        values = values + self.base if self.base else values
        if self.coding == "scaled":
            with np.errstate(over="ignore"):
                return np.ldexp(values.astype(np.float64), self.exponent).astype(self.dtype)
        if low is not None:
            values = values << self.low_bits | low
        return disordered(values, self.dtype)


def ordered(samples: Array) -> Integers:
    """Integers, or the bit patterns of floats, as 64-bit integers in the order of the samples."""
    dtype = samples.dtype
    if dtype.kind == "f":
        bits = np.ascontiguousarray(samples, dtype.newbyteorder("=")).view(f"i{dtype.itemsize}")
        lowest = np.iinfo(bits.dtype).max
        return np.where(bits < 0, bits ^ lowest, bits).astype(np.int64)
    if dtype.kind == "u" and dtype.itemsize == 8:
        return (samples.astype(np.uint64) ^ np.uint64(_SIGN)).view(np.int64)
    return samples.astype(np.int64)


def disordered(values: Integers, dtype: np.dtype[Any]) -> Array:
    """What `ordered` was given, of `dtype`; integers that it cannot hold become its nearest."""
    if dtype.kind == "f":
        limits = np.iinfo(f"i{dtype.itemsize}")
        bits = values.clip(limits.min, limits.max).astype(limits.dtype)
        return np.where(bits < 0, bits ^ limits.max, bits).view(f"f{dtype.itemsize}").astype(dtype)
    if dtype.kind == "b":
        return values > 0
    if dtype.kind == "u" and dtype.itemsize == 8:
        return (values.view(np.uint64) ^ np.uint64(_SIGN)).astype(dtype)
    limits = np.iinfo(dtype)
    return values.clip(limits.min, limits.max).astype(dtype)


def centred(low: int, high: int) -> tuple[int, int, tuple[int, int]]:
    """Whole numbers low … high → low bits that are kept apart, the base of the rest, and its limits."""
    low_bits = max(0, (high - low).bit_length() - (MOST_BITS - 2))
    low, high = low >> low_bits, high >> low_bits
    base = (low + high + 1) // 2
    return low_bits, base, (low - base, high - base)
