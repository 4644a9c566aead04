"""A second decoder of adaptive forests, after docs/FORMAT.md, sections 12 to 16, alone: no import from imfn.

Slow: it is for frames of a few blocks.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .second_adaptive_pixels import (
    INTER,
    INTRA,
    NOT_INTRA,
    SKIP,
    C,
    Ints,
    Leaves,
    along,
    bases_of,
    deblock,
    intra_leaf,
    loop_filter,
    step_of,
)
from .second_decoder import Model, Place, Vector, read_latent, read_varint
from .second_range_coder import Coder, Tables, clip

BANDS = (0, 1, 2, 4, 7, 11, 17, 26, 40, 60, 90, 130)
BUCKETS = (0, 1, 2, 3, 4, 5, 7, 9, 12, 16, 22, 30, 42, 60, 86, 126, 192)


# -- section 12: what lives on, and a tree's bytes --------------------------------------------------------


class Forest(NamedTuple):
    """What a latent's header and model say: quality, padded size, bases of each level, tables."""

    quality: float
    height: int
    width: int
    bases: list[Ints]
    tables: Tables


# -- sections 14 to 16: syntax --------------------------------------------------------------------------


def sum_class(value: int) -> int:
    """S(v)."""
    return (0, 1, 2, 3, 4, 4, 5, 5, 5, 6, 6, 6, 6, 6, 6, 7)[min(value, 15)]


def last_at_or_below(starts: tuple[int, ...], channel: int) -> int:
    """The band or bucket of a channel."""
    return sum(start <= channel for start in starts) - 1


class Gop:
    """Decodes the trees of a GOP one after another."""

    def __init__(self, forest: Forest) -> None:
        self.forest, self.coder, self.leaves = forest, Coder(forest.tables), Leaves()
        self.rows, self.columns = forest.height // 16, forest.width // 16
        self.before = np.zeros((3, forest.height, forest.width), np.int64)
        # In the order of decoding, of which kinds blocks were: for tests.
        self.seen: set[str] = set()

    def tree(self, data: bytes, level: int) -> list[Ints]:
        """The finished frames (3, H′, W′) of the next tree."""
        told, at = {}, 1
        for above in range(1, 7):
            if data[0] >> (above - 1) & 1:
                told[above], at = read_varint(data, at)
        self.coder.feed(data[at:])
        blocks = [(y, x) for y in range(self.rows) for x in range(self.columns)]
        if data[0] & 128:
            self.frames = [np.zeros_like(self.before)]
            self._begin_frame()
            for block in blocks:
                self._intra(0, block)
            self._finish_frame(0)
            return self.frames
        cut: dict[tuple[int, int, int], int] = {}
        for y, x in blocks:
            self._windows(cut, y, x, level)
        for above in range(1, 7):
            assert told.get(above, 0) == sum(value == above for value in cut.values())
        self.frames = [np.zeros_like(self.before) for _ in range(1 << level)]
        for t in range(1 << level):
            self._begin_frame()
            for above in reversed(range(7)):
                for y, x in blocks:
                    if cut[t, y, x] == above and t % (1 << above) == 0:
                        self._block(t, (y, x), above)
            self._finish_frame(t)
        return self.frames

    def _windows(self, cut: dict[tuple[int, int, int], int], y: int, x: int, top: int) -> None:
        start = 0
        while start < 1 << top:
            level = max(one for one in range(top + 1) if start % (1 << one) == 0)
            left, above = cut.get((start, y, x - 1), 7), cut.get((start, y - 1, x), 7)
            corner, before = cut.get((start, y - 1, x + 1), 7), cut.get((start - 1, y, x), 7)
            while level > 0:
                to_left, to_above, to_corner = (
                    2 if one > level else int(one == level) for one in (left, above, corner)
                )
                contexts = (
                    76848 + 9 * level + 3 * to_left + to_above,
                    76920 + 81 * level + 9 * left + above,
                    77568 + 81 * level + 9 * before + 3 * to_corner + to_left,
                )
                if self.coder.mixed(contexts, 116 + level) == 0:
                    break
                level -= 1
            for t in range(start, start + (1 << level)):
                cut[t, y, x] = level
            start += 1 << level

    def _begin_frame(self) -> None:
        coder, offset = self.coder, 0
        if coder.single(78217):
            negative = coder.direct()
            offset = (1 + coder.direct(6)) * (-1 if negative else 1)
        self.step = step_of(self.forest.quality, offset)

    def _block(self, t: int, block: Place, level: int) -> None:
        coder, at, k = self.coder, self.leaves, (level > 0) + (level > 3)
        r, c = 2 * block[0], 2 * block[1]
        four, mode = [(r, c), (r, c + 1), (r + 1, c), (r + 1, c + 1)], at.mode
        left, above, own = mode[r, c - 1], mode[r - 1, c], mode[r, c]
        around = 16 * left + 4 * above + own
        candidates = self._candidates(r, c)
        skip = self._skip_flag(r, c, k)
        merge = not skip and coder.mixed(
            (75496 + 16 * k + (left == SKIP) + (above == SKIP), 75544 + 64 * k + around), 111
        )
        vectors = []
        if skip or merge:
            i = 0
            while i < len(candidates) - 1 and coder.single(76056 + 8 * (2 * k + bool(merge)) + i):
                i += 1
            vectors = [candidates[i]]
        else:
            split = 0
            if level == 0:
                if coder.mixed((75736 + (left == INTRA) + (above == INTRA), 75752 + around), 112):
                    self._intra(t, block)
                    return
                uneven = (left == INTER and at.mv[r, c - 1] != at.mv[r + 1, c - 1]) + (
                    above == INTER and at.mv[r - 1, c] != at.mv[r - 1, c + 1]
                )
                split = coder.mixed((75816 + 16 * k + uneven, 75864 + 64 * k + around), 113)
            for place in four if split else four[:1]:
                vectors.append(self._vector(*place, split))
                mode[place], at.mv[place] = INTER, vectors[-1]
        self.seen.add(f"{'skip' if skip else 'merge' if merge else 'vectors'} {len(vectors)} {level}")
        for i, place in enumerate(four):
            mode[place], at.mv[place] = SKIP if skip else INTER, vectors[i % len(vectors)]
            at.imode[place] = NOT_INTRA
        reference = self.frames[t - 1] if t else self.before
        predicted = [along(reference, block, vectors, f) for f in range(1, (1 << level) + 1)]
        for i, place in enumerate(four):
            if skip:
                at.clear(place)
            else:
                self._symbols(*place, min(k + 1, 3), i)
            residual = self._residual(place, level)
            part = np.s_[:, 8 * (i >> 1) : 8 * (i >> 1) + 8, 8 * (i & 1) : 8 * (i & 1) + 8]
            for f, guess in enumerate(predicted):
                self._write(t + f, place, guess[part] + residual[f])

    def _candidates(self, r: int, c: int) -> list[Vector]:
        places = ((r + 1, c - 1), (r - 1, c + 1), (r - 1, c + 2), (r, c), (r + 2, c), (r, c + 2))
        known = [self.leaves.mv[place] for place in places if self.leaves.moving(place)]
        return list(dict.fromkeys([*known, (0, 0)]))[:5]

    def _skip_flag(self, r: int, c: int, k: int) -> int:
        mode, last = self.leaves.mode, self.leaves.last

        def s(y: int, x: int) -> int:
            return int(mode[y, x] == SKIP)

        def lasts(*places: Place) -> int:
            return min(sum(min(last[place], 3) for place in places), 7)

        a = s(r, c - 1) + 2 * s(r - 1, c) + 4 * s(r, c) + 8 * s(r - 1, c + 2)
        b = s(r, c + 2) + 2 * s(r + 2, c)
        h = lasts((r, c), (r + 1, c), (r, c + 1), (r + 1, c + 1))
        g = lasts((r, c - 1), (r + 1, c - 1), (r - 1, c), (r - 1, c + 1))
        contexts = (
            74248 + 64 * k + a,
            74440 + 256 * k + 16 * a + 4 * b + 2 * s(r - 1, c - 1),
            75208 + 64 * k + 8 * h + g,
            75400 + 32 * k + 8 * mode[r, c] + b,
        )
        return self.coder.mixed(contexts, 108 + k)

    def _vector(self, r: int, c: int, z: int) -> Vector:
        at, coder = self.leaves, self.coder
        places = [(r, c - 1), (r - 1, c), (r - 1, c + (1 if z else 2))]
        count = [at.mv[place] for place in places if at.moving(place)]
        three = count * 3 if len(count) == 1 else [*count, (0, 0), (0, 0), (0, 0)][:3]
        nonzero = [coder.single(76104 + 8 * z)]
        nonzero.append(coder.single(76104 + 8 * z + 1 + nonzero[0]))
        found = []
        for axis in range(2):
            difference = 0
            if nonzero[axis]:
                sign = coder.direct()
                difference = (1 + coder.golomb(76136 + 48 * (2 * z + axis), 11)) * (-1 if sign else 1)
            predicted = sorted(one[axis] for one in three)[1]
            found.append(clip(predicted + difference, -512, 512))
        return found[0], found[1]

    def _intra(self, t: int, block: Place) -> None:
        at, coder, (r, c) = self.leaves, self.coder, (2 * block[0], 2 * block[1])
        four = [(r, c), (r, c + 1), (r + 1, c), (r + 1, c + 1)]
        for place in four:
            at.mode[place], at.mv[place] = INTRA, (0, 0)
        for j, (y, x) in enumerate(four):
            near, i = 8 * at.imode[y, x - 1] + at.imode[y - 1, x], 0
            while i < 5 and coder.mixed((76328 + 64 * i + near, 76840 + i), 114):
                i += 1
            at.imode[y, x] = i
            self.seen.add(f"intra {i} {'later' if self.before.any() else 'first'}")
            self._symbols(y, x, 0, j)
            guess = np.stack([intra_leaf(plane, 8 * y, 8 * x, i) for plane in self.frames[t]])
            self._write(t, (y, x), guess + self._residual((y, x), 0)[0])

    def _write(self, t: int, place: Place, values: Ints) -> None:
        y, x = 8 * place[0], 8 * place[1]
        self.frames[t][:, y : y + 8, x : x + 8] = values.clip(0, 4080)

    def _residual(self, place: Place, level: int) -> Ints:
        """Section 17: (frames, 3, 8, 8)."""
        q = np.array(self.leaves.grid[place], np.int64)
        total = (q * self.step) @ self.forest.bases[level]
        return ((total + (1 << 15)) >> 16).reshape(-1, 3, 8, 8)

    def _symbols(self, r: int, c: int, k: int, j: int) -> None:
        at, coder = self.leaves, self.coder
        left, above, here = (r, c - 1), (r - 1, c), (r, c)
        b_left, b_above, b_here = (
            1 + last_at_or_below(BUCKETS, at.last[one] - 1) if at.last[one] else 0
            for one in (left, above, here)
        )
        m = sum(at.last[one] > 0 for one in (left, above, (r - 1, c + 1), (r + 1, c), (r, c + 1)))
        contexts = (
            71520 + 16 * k + j,
            71584 + 289 * k + 17 * b_left + b_above,
            72740 + 272 * k + 16 * b_here + j,
            73828 + 17 * k + 2 * m + (b_here > 0),
        )
        if not coder.mixed(contexts, 104 + k):
            at.clear(here)
            return
        last = self._last(k, b_left, b_above, b_here)
        q = [0] * C
        large = 0
        neighbours = at.grid[left], at.grid[above], at.grid[here]
        for x in range(last, -1, -1):
            q[x] = self._symbol(x, k, last, q, large, neighbours)
            large += abs(q[x]) > 1
        at.grid[here], at.last[here] = q, last + 1

    def _last(self, k: int, left: int, above: int, here: int) -> int:
        coder, d = self.coder, 1
        for _ in range(4):
            place = 16 * k + d
            contexts = (
                50272 + place,
                50336 + 17 * place + max(left, above),
                51424 + 17 * place + here,
                52512 + 289 * place + 17 * left + above,
            )
            d = 2 * d + coder.mixed(contexts, 100 + k)
        bucket = d - 16
        z, v = BUCKETS[bucket + 1] - BUCKETS[bucket], 0
        bits = (z - 1).bit_length()
        for b in reversed(range(bits)):
            if v + (1 << b) >= z:
                continue
            e = 1 if b == bits - 1 else 2 + (v > 0)
            v += (coder.single(71008 + 8 * (16 * k + bucket) + e) if b >= bits - 2 else coder.direct()) << b
        return BUCKETS[bucket] + v

    def _symbol(
        self, x: int, k: int, last: int, q: list[int], large: int, neighbours: tuple[list[int], ...]
    ) -> int:
        coder, tables, (left, above, here) = self.coder, self.forest.tables, neighbours
        t = sum(min(abs(q[i]), 15) for i in tables["near"][x] if i >= 0)
        own = abs(left[x]) + abs(above[x])
        near = sum_class(2 * own + sum(abs(left[i]) + abs(above[i]) for i in tables["both"][x]))
        total, g, h = sum_class(t), min(own, 7), 3 * min(abs(left[x]), 2) + min(abs(above[x]), 2)
        band = last_at_or_below(BANDS, x)
        y, u = 12 * k + band, C * k + x
        if x < last:
            contexts: tuple[int, ...] = (
                6 * u + min(t, 5),
                4608 + 9 * u + h,
                11520 + 64 * y + 8 * total + sum_class(sum(one != 0 for one in q)),
                14592 + 16 * u + last_at_or_below(BUCKETS, last),
                26880 + 162 * y + 18 * h + 3 * min(t, 5) + min(abs(here[x]), 2),
                34656 + 64 * y + 8 * near + total,
            )
            if not coder.mixed(contexts, y):
                return 0
        magnitude = 1
        contexts = (
            37728 + 4 * u + min(t, 3),
            40800 + 32 * y + 4 * total + min(large, 3),
            42336 + 64 * y + 8 * g + near,
            45408 + 4 * u + min(g, 3),
        )
        if coder.mixed(contexts, 48 + y):
            magnitude = self._magnitude(k, band, total, sum_class(own))
        if x < 8:
            signs = 3 * (1 + int(np.sign(left[x]))) + 1 + int(np.sign(above[x]))
            return -magnitude if coder.single(73960 + 9 * (8 * k + x) + signs) else magnitude
        return -magnitude if coder.direct() else magnitude

    def _magnitude(self, k: int, band: int, total: int, own: int) -> int:
        for i in range(2, 15):
            at = 16 * k + i
            contexts = (48480 + 12 * at + band, 49248 + 8 * at + total, 49760 + 8 * at + own)
            if not self.coder.mixed(contexts, 96 + k):
                return i
        self.seen.add("escape")
        return min(15 + self.coder.golomb(73896, 16), 32767)

    def _finish_frame(self, t: int) -> None:
        frame = self.frames[t]
        deblock(frame, self.leaves, self.step)
        if self.coder.single(78216):
            self.seen.add("filter")
            self.frames[t] = frame = loop_filter(frame, self.leaves, self.step, self.forest.tables["loop"])
        self.before = frame


# -- a whole latent -------------------------------------------------------------------------------------


class Restored(NamedTuple):
    """frames (T, H, W, 1 or 3) uint8.   seen: kinds of blocks, modes and paths that there were."""

    frames: NDArray[np.uint8]
    seen: set[str]


def restore_adaptive(path: Path, model: Model, contexts: Path) -> Restored:
    """All frames of a latent, also one that still grows. contexts: contexts.npz."""
    header, nodes, _ = read_latent(path)
    with np.load(contexts) as arrays:
        tables = dict(arrays)
    height, width = header["height"], header["width"]
    bases = bases_of(model, header["ratio"].bit_length() - 1)
    forest = Forest(header["quality"], -(-height // 16) * 16, -(-width // 16) * 16, bases, tables)
    planes: list[Ints] = []
    gops: list[Gop] = []
    for node in nodes:
        first = len(planes) % header["gop_frames"] == 0
        assert first == bool(node.data[0] & 128)
        if first:
            gops.append(Gop(forest))
        planes += gops[-1].tree(node.data, node.level)
    shown = np.stack(planes)[:, :, :height, :width]
    if header["channels"] == 1:
        shown = (2 * shown.sum(axis=1, keepdims=True) + 3) // 6
    pixels = ((shown + 8) // 16).clip(0, 255).astype(np.uint8)
    return Restored(pixels.transpose(0, 2, 3, 1), set().union(*(gop.seen for gop in gops)))
