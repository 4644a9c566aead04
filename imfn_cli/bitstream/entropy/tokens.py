"""Integers of any size as tokens of a small alphabet plus raw bits.

value 0 → token 0;  |value| 1 … 15 → 2·|value| − 1 if positive, 2·|value| if negative;
|value| from 16·2^j to 32·2^j − 1 → 31 + 2j (positive) or 32 + 2j (negative) and 4 + j raw bits.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int32]

#: Magnitudes below this are tokens of their own.
DIRECT = 16
_CLASSES = 20
#: Size of the alphabet.
TOKENS = 2 * DIRECT - 1 + 2 * _CLASSES
#: Largest magnitude that can be coded.
LIMIT = (DIRECT << _CLASSES) - 1


def tokenise(values: Integers) -> Integers:
    """values (N,) with |value| ≤ LIMIT → tokens (N,)."""
    magnitude = np.abs(values)
    large = magnitude >= DIRECT
    code = 2 * magnitude - (values > 0)
    if large.any():
        exponent = np.frexp(magnitude[large].astype(np.float64))[1] - 5
        code[large] = 2 * DIRECT - 1 + 2 * exponent + (values[large] < 0)
    return code.astype(np.int32)


def raw_bit_counts(tokens: NDArray[Any]) -> Integers:
    """How many raw bits belong to each token."""
    return np.where(tokens < 2 * DIRECT - 1, 0, (tokens - (2 * DIRECT - 1)) // 2 + 4).astype(np.int32)


#: The value of each direct token; those of the others lie in the raw bits.
VALUES = np.array([(t + 1) // 2 if t % 2 else -(t // 2) for t in range(TOKENS)], np.int32)


class BitWriter:
    """Collects the raw bits of values, most significant first."""

    def __init__(self) -> None:
        self._bits: list[NDArray[np.uint8]] = []

    def write(self, values: Integers, tokens: Integers) -> None:
        """Append the raw bits of `values` (N,), whose `tokens` (N,) are given."""
        large = np.flatnonzero(tokens >= 2 * DIRECT - 1)
        if large.size:
            owner, shifts = _layout(raw_bit_counts(tokens[large]))
            self._bits.append((np.abs(values[large])[owner] >> shifts & 1).astype(np.uint8))

    def to_bytes(self) -> bytes:
        """All bits, padded with zeros to whole bytes."""
        return np.packbits(np.concatenate(self._bits)).tobytes() if self._bits else b""


class BitReader:
    """Gives values back from tokens and the bytes of `BitWriter`. What is not asked for is not looked at."""

    def __init__(self, data: bytes) -> None:
        self._data = np.frombuffer(data, np.uint8)
        self._position = 0

    def read(self, tokens: Integers) -> Integers:
        """tokens (N,) → values (N,). Raises `ValueError` when the bits run out."""
        values = VALUES.take(tokens)
        large = np.flatnonzero(tokens >= 2 * DIRECT - 1)
        if large.size:
            counts = raw_bit_counts(tokens[large])
            owner, shifts = _layout(counts)
            bits = self._next(len(owner))
            magnitude = 1 << counts
            np.add.at(magnitude, owner, bits << shifts)
            values[large] = np.where(tokens[large] % 2 == 1, magnitude, -magnitude)
        return values

    @property
    def finished(self) -> bool:
        """Whether nothing is left but the bits that fill the last byte."""
        return self._data.size * 8 - self._position < 8

    def _next(self, count: int) -> Integers:
        first, last = self._position // 8, -(-(self._position + count) // 8)
        if last > self._data.size:
            raise ValueError("raw bits run out")
        bits = np.unpackbits(self._data[first:last])[self._position % 8 :][:count]
        self._position += count
        return bits.astype(np.int32)


def _layout(counts: Integers) -> tuple[NDArray[np.intp], Integers]:
    """For each bit, first to last: whose it is, and its place value's exponent."""
    owner = np.repeat(np.arange(len(counts)), counts)
    ends = np.cumsum(counts)
    return owner, (ends[owner] - 1 - np.arange(len(owner))).astype(np.int32)
