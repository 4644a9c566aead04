"""Entropy coding of integer symbols with integer tables, by the published `constriction` coder."""

from collections.abc import Sequence

import constriction
import numpy as np
from numpy.typing import NDArray

#: Counts of one table sum to 2**PRECISION, so every probability, and every sum of them, is a dyadic fraction
#: that float64 holds exactly: the coder's fixed-point tables come out the same on every machine.
PRECISION = 16
#: Tables are told apart by one byte.
MAX_TABLES = 256

Symbols = NDArray[np.int32]


class Tables:
    """`counts` (K, A) integers, each ≥ 1, each row summing to 2**PRECISION: K tables over A tokens."""

    def __init__(self, counts: NDArray[np.integer]) -> None:
        if counts.ndim != 2 or (counts < 1).any() or (counts.sum(axis=1) != 1 << PRECISION).any():
            raise ValueError(
                f"probability tables must be (K, A) counts ≥ 1 with rows summing to {1 << PRECISION}"
            )
        if len(counts) > MAX_TABLES:
            raise ValueError(f"{len(counts)} probability tables; at most {MAX_TABLES}")
        self.counts = counts
        self._models = [
            constriction.stream.model.Categorical(row / float(1 << PRECISION), perfect=False)
            for row in counts
        ]

    def __len__(self) -> int:
        return len(self._models)

    def encode(self, passes: Sequence[tuple[Symbols, Symbols]]) -> NDArray[np.uint32]:
        """Code `passes`, each (tokens, table of each token), into 32-bit words.

        Within a pass the tokens are sorted by table (stable), one call of the coder a table. The coder is a
        stack, so what is to be decoded first is encoded last.
        """
        coder = constriction.stream.stack.AnsCoder()
        for tokens, tables in reversed(passes):
            order, edges = _by_table(tables, len(self))
            ordered = tokens[order]
            for table in reversed(np.flatnonzero(np.diff(edges))):
                coder.encode_reverse(ordered[edges[table] : edges[table + 1]], self._models[table])
        words: NDArray[np.uint32] = coder.get_compressed()
        return words

    def decoder(self, words: NDArray[np.uint32]) -> "TokenDecoder":
        """Start decoding what `encode` gave. Raises `ValueError` if `words` cannot be its output."""
        return TokenDecoder(words, self)


class TokenDecoder:
    """Gives back the passes of `Tables.encode`, first to last."""

    def __init__(self, words: NDArray[np.uint32], tables: Tables) -> None:
        self._coder = constriction.stream.stack.AnsCoder(np.ascontiguousarray(words, dtype=np.uint32))
        self._models = tables._models

    def decode(self, tables: Symbols) -> Symbols:
        """The tokens of the next pass, given the table of each (N,)."""
        order, edges = _by_table(tables, len(self._models))
        ordered = np.empty(len(tables), np.int32)
        for table in np.flatnonzero(np.diff(edges)):
            lo, hi = edges[table], edges[table + 1]
            ordered[lo:hi] = self._coder.decode(self._models[table], hi - lo)
        tokens = np.empty_like(ordered)
        tokens[order] = ordered
        return tokens

    @property
    def finished(self) -> bool:
        """Whether everything that was encoded has been decoded."""
        return bool(self._coder.is_empty())


def _by_table(tables: Symbols, count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    # uint8 keys make numpy's stable sort a radix sort.
    order = np.argsort(tables.astype(np.uint8), kind="stable")
    edges = np.concatenate(([0], np.cumsum(np.bincount(tables, minlength=count))))
    return order, edges
