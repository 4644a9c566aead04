"""Residuals to bytes and back: tokens through the rANS coder, even bits as they are."""

from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from ..entropy.varint import read_varint, varint
from .tables import DIRECT, LOW_BITS, UNKNOWN, Tables, tokens_of

Contexts = NDArray[np.uint8]
Integers = NDArray[np.int64]


def _sorted(contexts: Contexts) -> tuple[NDArray[np.intp], list[tuple[int, slice]]]:
    """The order by context (stable), and which part of it each context has."""
    order = np.argsort(contexts, kind="stable")
    edges = np.concatenate(([0], np.cumsum(np.bincount(contexts, minlength=UNKNOWN + 1))))
    present = np.flatnonzero(np.diff(edges))
    return order, [(int(one), slice(int(edges[one]), int(edges[one + 1]))) for one in present]


class ResidualWriter:
    """Collects residuals pass by pass."""

    def __init__(self) -> None:
        self._tables = Tables()
        self._coded: list[tuple[NDArray[np.int32], Any]] = []
        self._raw: list[bytes] = []

    def write(self, residuals: Integers, contexts: Contexts) -> None:
        """Append the residuals of a pass (N,)."""
        order, parts = _sorted(contexts)
        ordered = residuals[order]
        for context, part in parts:
            values, low = ordered[part], int(LOW_BITS[context])
            if low:
                self._raw.append(_packed(values & ((1 << low) - 1), low))
                values = values >> low
            tokens = tokens_of(values)
            self._raw += _large(values, tokens)
            self._coded.append((tokens, self._tables.model(context)))
            self._tables.learn(context, tokens)

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
        order, parts = _sorted(contexts)
        ordered = np.empty(len(contexts), np.int64)
        for context, part in parts:
            count, low = part.stop - part.start, int(LOW_BITS[context])
            lows = self._unpacked(count, low) if low else None
            tokens = self._coder.decode(self._tables.model(context), count)
            values = self._values(tokens)
            ordered[part] = values if lows is None else values << low | lows
            self._tables.learn(context, tokens)
        residuals = np.empty_like(ordered)
        residuals[order] = ordered
        return residuals

    @property
    def finished(self) -> bool:
        """Whether everything has been read."""
        return self._at == len(self._raw) and bool(self._coder.is_empty())

    def _values(self, tokens: NDArray[np.int32]) -> Integers:
        values = ((tokens + 1) >> 1).astype(np.int64)
        np.negative(values, out=values, where=tokens & 1 == 0)
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
            packed = np.unpackbits(self._take(-(-count * rest // 8)), count=count * rest)
            weights = (1 << np.arange(rest - 1, -1, -1)).astype(np.uint8)
            values |= packed.reshape(count, rest) @ weights
        return values

    def _take(self, size: int) -> NDArray[np.uint8]:
        part = self._raw[self._at : self._at + size]
        if len(part) < size:
            raise ValueError("raw bits run out")
        self._at += size
        return part


def _large(values: Integers, tokens: NDArray[np.int32]) -> list[bytes]:
    """Of each token that stands for many magnitudes, in ascending order: their low bits, each with a sign."""
    first = 2 * DIRECT - 1
    if tokens.size == 0 or int(tokens.max()) < first:
        return []
    found = []
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
        spread = np.unpackbits((values << (8 - rest)).astype(np.uint8)[:, None], axis=1, count=rest)
        parts.append(np.packbits(spread).tobytes())
    return b"".join(parts)
