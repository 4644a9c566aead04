"""The range coder of adaptive forests, after docs/FORMAT.md, section 13, alone."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from numpy.typing import NDArray

#: Arrays of contexts.npz.
Tables = dict[str, NDArray[Any]]


def clip(value: int, low: int, high: int) -> int:
    """The number of low … high next to a value."""
    return min(max(value, low), high)


@lru_cache(maxsize=1)
def curves() -> tuple[list[int], list[int]]:
    """squash(−2047 … 2047), and stretch(0 … 4095)."""
    one, term, base, k = 1 << 60, 1 << 60, 0, 1
    while term:
        base, term, k = base + term, term // (256 * k), k + 1
    up, e = [], one
    for _ in range(2048):
        up.append(clip((65536 * e + (one + e) // 2) // (one + e), 24, 65512))
        e = e * base >> 60
    squash = [65536 - value for value in up[:0:-1]] + up
    stretch, x = [], -2047
    for i in range(4096):
        while x < 2047 and squash[x + 2047] < 16 * i + 8:
            x += 1
        stretch.append(x)
    return squash, stretch


class Coder:
    """Bits, and what has been learned of them."""

    def __init__(self, tables: Tables) -> None:
        self.p, self.n = tables["p"].tolist(), tables["n"].tolist()
        self.w = tables["w"].tolist()
        self.squash, self.stretch = curves()

    def feed(self, data: bytes) -> None:
        """Begin with a tree's bytes."""
        self.data, self.at = data, 4
        self.range, self.code = 0xFFFFFFFF, int.from_bytes(data[:4].ljust(4, b"\0"), "big")

    def decode(self, probability: int) -> int:
        """A bit that is one with so many 65536ths."""
        bound = (self.range >> 16) * probability
        bit = int(self.code < bound)
        if bit:
            self.range = bound
        else:
            self.code, self.range = self.code - bound, self.range - bound
        while self.range < 1 << 24:
            byte = self.data[self.at] if self.at < len(self.data) else 0
            self.range, self.code, self.at = (
                self.range << 8,
                (self.code << 8 | byte) & 0xFFFFFFFF,
                self.at + 1,
            )
        return bit

    def direct(self, count: int = 1) -> int:
        """Bits that are as likely one as zero, as a number."""
        value = 0
        for _ in range(count):
            value = 2 * value + self.decode(32768)
        return value

    def single(self, c: int) -> int:
        """A bit in one context."""
        bit = self.decode(clip(self.p[c], 32, 65503))
        self._learn(c, bit, 60)
        return bit

    def mixed(self, contexts: Sequence[int], of: int) -> int:
        """A bit in several contexts, mixed by the weights of set `of`."""
        s, w = [self.stretch[self.p[c] >> 4] for c in contexts], self.w[of]
        dot = sum(one * weight for one, weight in zip(s, w, strict=False))
        probability = self.squash[clip(dot >> 16, -2047, 2047) + 2047]
        bit = self.decode(probability)
        for i, c in enumerate(contexts):
            w[i] += (s[i] * (65536 * bit - probability) * 12 + (1 << 19)) >> 20
            self._learn(c, bit, 255)
        return bit

    def _learn(self, c: int, bit: int, most: int) -> None:
        n, p = self.n[c], self.p[c]
        self.p[c] = clip(p + ((65535 * bit - p) * ((1 << 17) // (2 * n + 3)) >> 16), 32, 65503)
        self.n[c] += n < most

    def golomb(self, c: int, most: int) -> int:
        """An Exp-Golomb number."""
        m = 0
        while m < most - 1 and self.single(c + m):
            m += 1
        if m == 0:
            return 0
        first = self.single(c + 24 + m)
        return ((2 + first) << (m - 1) | self.direct(m - 1)) - 1
