"""A second decoder of array latents with memories, after docs/FORMAT.md, section 21, alone: no imfn.

Whole numbers are plain Python's; the maps, in floats, are NumPy's.
"""

import math
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .second_array import put_exceptions, size_of
from .second_decoder import checked, numbers, read_container, read_varint
from .second_range_coder import Coder, clip

Floats = NDArray[np.float64]
#: Whole numbers by channel, row and column; what lies outside is 0.
Plane = dict[tuple[int, int, int], int]

LARGEST = (1 << 24) - 1
STARTS = (0, 1, 2, 3, 4, 5, 7, 9, 12, 16, 23, 32, 48, 96, 192, 384)
Z, ZB, M, MB, L, W = 0, 64, 128, 384, 512, 1536


class Memories(NamedTuple):
    """level: of their trees.   values: whole numbers (N, K, h, w)."""

    level: int
    values: NDArray[np.int64]


# -- the file -------------------------------------------------------------------------------------------


def decode_memories(path: Path) -> tuple[dict[str, Any], list[Memories], NDArray[Any]]:
    """Header, the memories in order of time, and all frames (T, H, W, C)."""
    metadata, data, layout = read_container(path)
    header = checked(metadata["imfn_array"])
    assert header["format"] == 2
    assert header["coding"] == "memories"
    assert header["checksums"] == {name: zlib.crc32(data[name]) for name in ("table", "model")}
    model = Model(data["model"])
    table = numbers(layout["table"], data["table"])
    found: list[Memories] = []
    frames: list[NDArray[Any]] = []
    at = 0
    for row in range(table.shape[0]):
        count, size, crc32 = (table[row, column] for column in range(3))
        group = data["groups"][at : at + size]
        assert zlib.crc32(group) == crc32
        memories, restored = _group(header, model, count, group)
        found += memories
        frames.append(restored)
        at += size
    return header, found, np.concatenate(frames).astype(header["dtype"])


def _group(
    header: dict[str, Any], model: "Model", frames: int, data: bytes
) -> tuple[list[Memories], NDArray[Any]]:
    size, at = read_varint(data, 0)
    exceptions, data = data[at : at + size], data[at + size :]
    shape, _ = size_of(header)
    parts = -(-shape[2] // model.patch[2])
    h, w = -(-shape[0] // model.patch[0]), -(-shape[1] // model.patch[1]) * parts
    grids = Grids(data, model.channels)
    ratio = header["tree"]["ratio"]
    runs = [(frames // ratio, ratio)] if frames >= ratio else []
    each, left = ratio // 2, frames % ratio
    while each:
        if left >= each:
            runs.append((1, each))
            left -= each
        each //= 2
    found, leaves = [], []
    for count, each in runs:
        level = each.bit_length() - 1
        memories = Memories(level, grids.read(count, model.channels, h, w))
        found.append(memories)
        for memory in memories.values:
            leaves += model.split(np.moveaxis(memory, 0, -1) * header["tree"]["step"], level)
    restored = np.stack([_samples(header, model.frame(leaf, shape)) for leaf in leaves])
    if exceptions:
        native = restored.astype(restored.dtype.newbyteorder("<"))
        raw = bytearray(native.tobytes())
        put_exceptions(raw, exceptions, frames, native.dtype.itemsize)
        restored = np.frombuffer(bytes(raw), native.dtype).reshape(restored.shape).astype(restored.dtype)
    return found, restored


def _samples(header: dict[str, Any], frame: Floats) -> NDArray[Any]:
    """Numbers as samples of the array's type."""
    low, high = header["tree"]["span"]
    values = np.clip(low + (high - low or 1.0) * frame, *header["tree"]["bounds"])
    dtype = np.dtype(header["dtype"])
    if dtype.kind == "f":
        return values.astype(dtype)
    values = np.rint(values)
    if dtype.kind == "b":
        return values > 0
    return values.clip(np.iinfo(dtype).min, np.iinfo(dtype).max).astype(dtype)


# -- grids ----------------------------------------------------------------------------------------------


def bucket(size: int) -> int:
    """B(s)."""
    return max(i for i, start in enumerate(STARTS) if start <= size)


class Grids:
    """A stream of grids of at most so many channels."""

    def __init__(self, data: bytes, channels: int) -> None:
        count = 1600 + 26 * channels
        tables = {"p": np.full(count, 32768), "n": np.zeros(count, int), "w": np.zeros((32, 8), int) + 22000}
        self.coder = Coder(tables)
        self.coder.feed(data)

    def read(self, memories: int, channels: int, rows: int, columns: int) -> NDArray[np.int64]:
        """The next grid (memories, channels, rows, columns)."""
        weights = [[self._weight() for _ in range(8)] for _ in range(channels)]
        values = np.zeros((memories, channels, rows, columns), np.int64)
        before: Plane = {}
        sizes_before: Plane = {}
        for n in range(memories):
            now: Plane = {}
            sizes: Plane = {}
            for c in range(channels):
                some = self.coder.single(1600 + 26 * c)
                for y in range(rows):
                    for x in range(columns):
                        guess = _guess(weights[c], n, now, before, (c, y, x))
                        v = self._number(sizes, sizes_before, (c, y, x), columns) if some else 0
                        now[c, y, x] = clip(guess + v, -LARGEST, LARGEST)
                        sizes[c, y, x] = min(abs(v), 1 << 20)
                        values[n, c, y, x] = now[c, y, x]
            before, sizes_before = now, sizes
        return values

    def _weight(self) -> int:
        g = self.coder.golomb(W, 9)
        return clip((g + 1) // 2 if g % 2 else -(g // 2), -127, 127)

    def _number(self, sizes: Plane, before: Plane, place: tuple[int, int, int], columns: int) -> int:
        """v at a place."""
        c, y, x = place
        at = 1600 + 26 * c
        a, b = sizes.get((c, y, x - 1), 0), sizes.get((c, y - 1, x), 0)
        r = sizes.get((c, y - 1, x + 1), 0) if x + 1 < columns else 0
        d, e = before.get(place, 0), sizes.get((c - 1, y, x), 0)
        u, low = 2 * a + 2 * b + r + 2 * d + e, 0
        while u >> (low + 7):
            low += 1
        t = bucket(min(u >> low, 384))
        zero = (
            Z + 4 * t + min(e, 3),
            at + 1 + 3 * min(a, 2) + min(b, 2),
            ZB + 8 * bucket(min(d, 6)) + bucket(min(a + b, 8)),
        )
        m = self.coder.mixed(zero, t)
        while 1 <= m < 15:
            more = (M + 16 * m + t, at + 10 + m, MB + 8 * m + bucket(min(d, 8)))
            if not self.coder.mixed(more, 16 + t):
                break
            m += 1
        if m == 15:
            m += self.coder.golomb(L + 64 * t, 24)
        value = m << low | self.coder.direct(low)
        return -value if value and self.coder.direct() else value


def _guess(k: list[int], n: int, now: Plane, before: Plane, place: tuple[int, int, int]) -> int:
    c, y, x = place
    left, above = now.get((c, y, x - 1), 0), now.get((c, y - 1, x), 0)
    if n == 0:
        total = k[0] * left + k[1] * above + k[2] * now.get((c, y - 1, x - 1), 0)
    else:
        total = k[3] * before[place] + k[4] * left + k[5] * above
        total += k[6] * before.get((c, y, x - 1), 0) + k[7] * before.get((c, y - 1, x), 0)
    return clip((total + 32) >> 6, -LARGEST, LARGEST)


# -- the model ------------------------------------------------------------------------------------------


class Model:
    """The tree: patch (rows, columns, channels), K channels, and the maps of leaf and sweepers."""

    def __init__(self, data: bytes) -> None:
        head, at = [], 0
        for _ in range(5):
            number, at = read_varint(data, at)
            head.append(number)
        rows, columns, depth, self.channels, levels = head
        self.patch = (rows, columns, depth)
        size = rows * columns * depth
        grids = Grids(data[at:], 1)

        def flat(height: int, width: int) -> Floats:
            return grids.read(1, 1, height, width)[0, 0].astype(np.float64)

        def matrix(width: int) -> Floats:
            bits = flat(1, self.channels)[0]
            return flat(self.channels, width) * 2.0 ** -bits[:, None]

        self.mean = flat(1, size)[0] / 2**14
        turned: Callable[[int], Floats] = _cosines if rows > 1 else np.eye
        basis = np.kron(np.kron(turned(rows), turned(columns)), np.eye(depth))
        self.leaf = _orthonormal(matrix(size)) @ basis
        one = np.eye(self.channels)
        pairs = np.block([[one, one], [one, -one]]) / math.sqrt(2)
        self.sweepers = [_orthonormal(matrix(2 * self.channels)) @ pairs for _ in range(levels)]

    def split(self, memory: Floats, level: int) -> list[Floats]:
        """A memory (h, w, K) to its 2^level leaves."""
        if level == 0:
            return [memory]
        both = memory @ self.sweepers[level - 1]
        halves = both[..., : self.channels], both[..., self.channels :]
        return [leaf for half in halves for leaf in self.split(half, level - 1)]

    def frame(self, leaf: Floats, shape: tuple[int, int, int]) -> Floats:
        """A leaf (h, w, K) to a frame of `shape` (H, W, C)."""
        patches = leaf @ self.leaf + self.mean
        ph, pw, pc = self.patch
        parts = -(-shape[2] // pc)
        h, w = leaf.shape[0], leaf.shape[1] // parts
        whole = np.zeros((h * ph, w * pw, parts * pc))
        for y in range(h):
            for x in range(w):
                for part in range(parts):
                    one = patches[y, x * parts + part].reshape(ph, pw, pc)
                    whole[y * ph : (y + 1) * ph, x * pw : (x + 1) * pw, part * pc : (part + 1) * pc] = one
        return whole[: shape[0], : shape[1], : shape[2]]


def _cosines(side: int) -> Floats:
    rows = [
        [
            math.cos(math.pi * k * (2 * i + 1) / (2 * side)) * math.sqrt((2 if k else 1) / side)
            for i in range(side)
        ]
        for k in range(side)
    ]
    return np.array(rows)


def _orthonormal(rows: Floats) -> Floats:
    made: list[Floats] = []
    for row in rows:
        rest = row
        for _ in range(2):
            rest = rest - sum(((rest @ one) * one for one in made), np.zeros(len(row)))
        length = float(np.sqrt(rest @ rest))
        made.append(rest / length if length > 0.05 else np.zeros(len(row)))
    return np.array(made)
