"""Residuals to bytes and back: tokens through the rANS coder, even bits as they are."""

from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from ..entropy.varint import read_varint, varint
from .kernels import order_tokens, pack_bits, scatter, unpack_bits, values_of
from .tables import DIRECT, LOW_BITS, TOKENS, UNKNOWN, Tables

Contexts = NDArray[np.uint8]
Integers = NDArray[np.int64]


def _parts(contexts: Contexts) -> tuple[NDArray[np.int64], list[tuple[int, slice]]]:
    """Where each context begins once they are sorted, and which part each that there is has."""
    edges = np.concatenate(([0], np.cumsum(np.bincount(contexts, minlength=UNKNOWN + 1))))
    present = np.flatnonzero(np.diff(edges))
    return edges[:-1], [(int(one), slice(int(edges[one]), int(edges[one + 1]))) for one in present]


class ResidualWriter:
    """Collects residuals pass by pass."""

    def __init__(self) -> None:
        self._tables = Tables()
        self._coded: list[tuple[NDArray[np.int32], Any]] = []
        self._raw: list[bytes] = []

    def write(self, residuals: Integers, contexts: Contexts) -> None:
        """Append the residuals of a pass (N,)."""
        starts, parts = _parts(contexts)
        ordered = np.empty(len(residuals), np.int64)
        tokens = np.empty(len(residuals), np.int32)
        counts = np.zeros((UNKNOWN + 1, TOKENS), np.int64)
        order_tokens(residuals, contexts, starts, LOW_BITS, ordered, tokens, counts)
        for context, part in parts:
            values, low = ordered[part], int(LOW_BITS[context])
            if low:
                self._raw.append(_packed(values, low))
            if counts[context, 2 * DIRECT - 1 :].any():
                self._raw += _large(values >> low, tokens[part])
            self._coded.append((tokens[part], self._tables.model(context)))
            self._tables.learn(context, counts[context])

    def to_bytes(self) -> bytes:
        """All passes: varint size of the raw bits, the raw bits, the coder's words."""
        coder = constriction.stream.stack.AnsCoder()
        for tokens, model in reversed(self._coded):
            coder.encode_reverse(tokens, model)
        raw = b"".join(self._raw)
        return varint(len(raw)) + raw + coder.get_compressed().astype("<u4").tobytes()


class ResidualReader:
    """Gives back what `ResidualWriter` wrote, pass by pass. Raises `ValueError` where bytes are damaged."""

    def __init__(self, data: bytes) -> None:
        size, at = read_varint(data, 0)
        self._raw = np.frombuffer(data, np.uint8, size, at)
        self._at = 0
        words = np.frombuffer(data, "<u4", offset=at + size)
        self._tables = Tables()
        self._coder = constriction.stream.stack.AnsCoder(np.ascontiguousarray(words, dtype=np.uint32))

    def read(self, contexts: Contexts) -> Integers:
        """The residuals of the next pass, given the context of each (N,)."""
        starts, parts = _parts(contexts)
        ordered = np.empty(len(contexts), np.int64)
        for context, part in parts:
            count, low = part.stop - part.start, int(LOW_BITS[context])
            lows = self._unpacked(count, low) if low else None
            tokens = self._coder.decode(self._tables.model(context), count)
            values = self._values(tokens)
            ordered[part] = values if lows is None else values << low | lows
            self._tables.learn(context, np.bincount(tokens, minlength=TOKENS))
        residuals = np.empty_like(ordered)
        scatter(ordered, contexts, starts, residuals)
        return residuals

    @property
    def finished(self) -> bool:
        """Whether everything has been read."""
        return self._at == len(self._raw) and bool(self._coder.is_empty())

    def _values(self, tokens: NDArray[np.int32]) -> Integers:
        values = np.empty(len(tokens), np.int64)
        if not values_of(tokens, values):
            return values
        for token in np.unique(tokens[tokens >= 2 * DIRECT - 1]).tolist():
            at = np.flatnonzero(tokens == token)
            bits = token - (2 * DIRECT - 1) + 4
            found = self._unpacked(len(at), bits + 1)
            magnitude = (np.int64(1) << bits) | found >> 1
            values[at] = np.where(found & 1, -magnitude, magnitude)
        return values

    def _unpacked(self, count: int, bits: int) -> Integers:
        """The next `count` numbers of `bits` bits."""
        whole, rest = divmod(bits, 8)
        values = np.zeros(count, np.int64)
        for shift in range(whole):
            values |= self._take(count).astype(np.int64) << (rest + 8 * shift)
        if rest:
            unpack_bits(self._take(-(-count * rest // 8)), rest, values)
        return values

    def _take(self, size: int) -> NDArray[np.uint8]:
        part = self._raw[self._at : self._at + size]
        if len(part) < size:
            raise ValueError("raw bits run out")
        self._at += size
        return part


def _large(values: Integers, tokens: NDArray[np.int32]) -> list[bytes]:
    """Of each token that stands for many magnitudes, in ascending order: their low bits, each with a sign."""
    first, found = 2 * DIRECT - 1, []
    for token in np.unique(tokens[tokens >= first]).tolist():
        chosen = values[tokens == token]
        bits = token - first + 4
        low = np.abs(chosen) - (np.int64(1) << bits)
        found.append(_packed(low << 1 | (chosen < 0), bits + 1))
    return found


def _packed(values: Integers, bits: int) -> bytes:
    """Numbers of `bits` bits: whole bytes of what is above the last `bits` mod 8 bits, then those, packed."""
    whole, rest = divmod(bits, 8)
    parts = [(values >> (rest + 8 * shift)).astype(np.uint8).tobytes() for shift in range(whole)]
    if rest:
        packed = np.zeros(-(-len(values) * rest // 8), np.uint8)
        pack_bits(values, rest, packed)
        parts.append(packed.tobytes())
    return b"".join(parts)
