"""A second decoder of array latents, after docs/FORMAT.md, section 20, alone: plain Python, no imfn.

It is slow. Frames are lists of rows of lists of samples, one such list for each channel.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .second_decoder import checked, numbers, read_container, read_varint

TOKENS = 90
UNKNOWN = 121
Offset = tuple[int, int]
#: Samples by (row, column), also beyond the frame; what is not there is 0.
Plane = dict[tuple[int, int], int]


class Pass(NamedTuple):
    """kind: FIRST, D, H or V.   d: its distance.   rows, columns: of its positions."""

    kind: str
    d: int
    rows: list[int]
    columns: list[int]
    near: list[Offset]
    far: list[Offset]


# -- the file -------------------------------------------------------------------------------------------


def decode_array(path: Path) -> tuple[dict[str, Any], bytes]:
    """Header, and all samples as they lie in memory, in the array's own byte order."""
    metadata, data, layout = read_container(path)
    header = checked(metadata["imfn_array"])
    assert header["checksums"] == {"table": zlib.crc32(data["table"])}
    assert header["format"] in (1, 3)
    table = numbers(layout["table"], data["table"])
    found, at = b"", 0
    for row in range(table.shape[0]):
        frames, size, crc32 = (table[row, column] for column in range(3))
        group = data["groups"][at : at + size]
        assert zlib.crc32(group) == crc32
        found += _samples_of(header, frames, group)
        at += size
    return header, found


def size_of(header: dict[str, Any]) -> tuple[tuple[int, int, int], list[int]]:
    """(H, W, C) of a frame, and its axes in that order."""
    count = header["frame_axes"]
    shape = header["shape"][len(header["shape"]) - count :]
    axes = header["axes"][len(header["axes"]) - count :]
    order = sorted(range(count), key=lambda axis: axes[axis] in "CS") if count > 2 else list(range(count))
    lengths = [shape[axis] for axis in order]
    if count < 2:
        return (1, (lengths or [1])[0], 1), order
    return (lengths[0], lengths[1], math.prod(lengths[2:])), order


def _samples_of(header: dict[str, Any], frames: int, data: bytes) -> bytes:
    (height, width, channels), order = size_of(header)
    # Axes that are out of order are not needed by what is tested.
    assert order == sorted(order)
    code, size = header["dtype"][1], int(header["dtype"][2:])
    count = frames * height * width * channels
    big = header["dtype"][0] == ">"

    def turned(raw: bytes) -> bytes:
        if not big:
            return raw
        return b"".join(raw[i : i + size][::-1] for i in range(0, len(raw), size))

    if data[0] == 0:
        return turned(data[1:])
    # Files of version 1 have no groups of kind 2.
    assert data[0] == 1 or (data[0] == 2 and header["differences"])
    length, at = read_varint(data, 1)
    exceptions, at = data[at : at + length], at + length
    low = [0] * count
    bits = header["low_bits"]
    if bits:
        whole = -(-count * bits // 8)
        text = "".join(f"{byte:08b}" for byte in data[at : at + whole])
        low = [int(text[i * bits : (i + 1) * bits], 2) for i in range(count)]
        at += whole
    references: dict[int, int | None] = dict.fromkeys(range(channels))
    if data[0] == 2:
        pairs = [(data[at + 2 * i], data[at + 2 * i + 1]) for i in range(channels)]
        references = {channel: other - 1 if other else None for channel, other in pairs}
        at += 2 * channels
    group = Group(header, (frames, height, width, channels), references, data[at:])
    values = group.decode()
    raw = bytearray()
    for value, rest in zip(values, low, strict=True):
        number = ((value + header["base"]) << bits) | rest
        raw += _sample(number, header["coding"], code, size, header["exponent"])
    if exceptions:
        put_exceptions(raw, exceptions, frames, size)
    return turned(bytes(raw))


def _sample(number: int, coding: str, code: str, size: int, exponent: int) -> bytes:
    """A number as the bytes of its sample, little-endian."""
    if coding == "scaled":
        value = math.ldexp(number, exponent)
        return struct.pack({2: "<e", 4: "<f", 8: "<d"}[size], value)
    lowest, highest = -(1 << 8 * size - 1), (1 << 8 * size - 1) - 1
    if coding == "pattern":
        number = min(max(number, lowest), highest)
        return (number ^ highest if number < 0 else number).to_bytes(size, "little", signed=True)
    if code == "b":
        return bytes([number > 0])
    if code == "u" and size == 8:
        number += 1 << 63
    if code == "u":
        return min(max(number, 0), (1 << 8 * size) - 1).to_bytes(size, "little")
    return min(max(number, lowest), highest).to_bytes(size, "little", signed=True)


def put_exceptions(raw: bytearray, exceptions: bytes, frames: int, size: int) -> None:
    """Put exceptions in their places among samples of `size` bytes, little-endian."""
    length, at = read_varint(exceptions, 0)
    text = "".join(f"{byte:08b}" for byte in zlib.decompress(exceptions[at : at + length]))
    values = zlib.decompress(exceptions[at + length :])
    each = len(raw) // size // frames
    wrong, taken = [0] * each, 0
    for t in range(frames):
        wrong = [one ^ int(bit) for one, bit in zip(wrong, text[t * each : (t + 1) * each], strict=True)]
        for i, one in enumerate(wrong):
            if one:
                place = (t * each + i) * size
                raw[place : place + size] = values[taken : taken + size]
                taken += size
    assert taken == len(values)


# -- a group --------------------------------------------------------------------------------------------


class Group:
    """Whole numbers (T, H, W, C) of a group.

    references: by channel, in the order in which they are coded, which one it is the difference to.
    """

    def __init__(
        self,
        header: dict[str, Any],
        shape: tuple[int, int, int, int],
        references: dict[int, int | None],
        data: bytes,
    ) -> None:
        self.frames, self.height, self.width, self.channels = shape
        self.references = references
        self.low, self.high = header["limits"]
        if any(other is not None for other in references.values()):
            width = self.high - self.low
            self.low, self.high = min(self.low, -width), max(self.high, width)
        self.step = 2 * header["error_steps"] + 1
        (size,) = struct.unpack_from("<I", data)
        self.offsets = struct.unpack_from(f"<{self.channels}q", data, 4)
        at = 4 + 8 * self.channels
        self.weights, self.used = data[at : at + size], 0
        self.residuals = Residuals(data[at + size :])
        self.passes = list(_passes(self.height, self.width))
        #: Lines beyond a frame that passes ask for, and their farthest, of rows and of columns.
        self.asked = [[_asked(one, axis, shape[1 + axis]) for axis in (0, 1)] for one in self.passes]
        self.beyond = [
            max([1, *(_far(line, shape[1 + axis]) for one in self.asked for line, _ in one[axis])])
            for axis in (0, 1)
        ]
        self.values, self.sizes = self._zeros(), self._zeros()
        self.known: list[int] = []

    def _zeros(self) -> list[list[Plane]]:
        return [[{} for _ in range(self.frames)] for _ in range(self.channels)]

    def decode(self) -> list[int]:
        """All numbers, in the order (T, H, W, C)."""
        for frames, distance in self._levels():
            each = max(1, (1 << 22) // (self.height * self.width))
            found: dict[tuple[int, int], list[int]] = {}
            means = [self._mean(c) for c in range(self.channels)] if self.known else []
            for first in range(0, len(frames), each):
                for index, one in enumerate(self.passes):
                    new: list[dict[tuple[int, int, int], int]] = []
                    for c in self.references:
                        part = frames[first : first + each]
                        new.insert(0, self._pass(part, distance, index, one, c, new[:2], means, found))
            for t in frames:
                for c in range(self.channels):
                    ends = [[(-1, 0), (length, length - 1)] for length in (self.height, self.width)]
                    self._extend(self.values[c][t], *ends)
            self.known += frames
        assert self.used == len(self.weights)
        assert self.residuals.finished
        for c, other in self.references.items():
            if other is not None:
                for mine, theirs in zip(self.values[c], self.values[other], strict=True):
                    for place in mine:
                        mine[place] += theirs[place]
        return [
            self.values[c][t][y, x]
            for t in range(self.frames)
            for y in range(self.height)
            for x in range(self.width)
            for c in range(self.channels)
        ]

    def _levels(self) -> Iterator[tuple[list[int], int]]:
        yield [0], 0
        d = 1
        while d < self.frames:
            d *= 2
        while d > 1:
            d //= 2
            yield list(range(d, self.frames, 2 * d)), d

    def _mean(self, c: int) -> Plane:
        n = len(self.known)
        planes = [self.values[c][t] for t in self.known]
        places = {place for plane in planes for place in plane}
        return {place: (2 * sum(plane.get(place, 0) for plane in planes) + n) // (2 * n) for place in places}

    def _extend(self, plane: Plane, rows: list[tuple[int, int]], columns: list[tuple[int, int]]) -> None:
        """Take lines beyond the frame from those inside: columns in all rows, then rows in all columns."""
        down, right = self.beyond
        for outside, inside in columns:
            for y in range(-down, self.height + down):
                plane[y, outside] = plane.get((y, inside), 0)
        for outside, inside in rows:
            for x in range(-right, self.width + right):
                plane[outside, x] = plane.get((inside, x), 0)

    def _beside(self, t: int, distance: int, off: int) -> int:
        at = t + off * distance
        if at < 0:
            return t - distance
        if at >= self.frames:
            at = t + distance
        return t - distance if at >= self.frames else at

    def _taps(
        self, one: Pass, c: int, t: int, distance: int, y: int, x: int, means: list[Plane]
    ) -> list[int]:
        here = [self.values[c][t].get((y + dy, x + dx), 0) for dy, dx in one.near + one.far]
        if not distance:
            return here
        planes = [self.values[c][self._beside(t, distance, off)] for off in (-1, 1, -3, 3)]
        taps = [plane[y, x] for plane in planes]
        sides = [(0, -1), (0, 1), (-1, 0), (1, 0)]
        around = [(dy, dx) for dy, dx in sides if (not dy or self.height > 1) and (not dx or self.width > 1)]
        around += [offset for offset in one.near if offset not in around]
        for plane in planes[:2]:
            taps += [plane.get((y + dy, x + dx), 0) for dy, dx in around]
        taps += [means[c].get((y + dy, x + dx), 0) for dy, dx in [(0, 0), *one.near[:4]]]
        return taps + here

    def _pass(
        self,
        frames: list[int],
        distance: int,
        index: int,
        one: Pass,
        c: int,
        new: list[dict[tuple[int, int, int], int]],
        means: list[Plane],
        found: dict[tuple[int, int], list[int]],
    ) -> dict[tuple[int, int, int], int]:
        places = [(t, y, x) for t in frames for y in one.rows for x in one.columns]
        for t in frames:
            self._extend(self.values[c][t], *self.asked[index])
        predictions, contexts = [], []
        for t, y, x in places:
            taps = self._taps(one, c, t, distance, y, x, means)
            if not taps:
                value = self.offsets[c]
            else:
                inputs = taps + [innovation[t, y, x] for innovation in new]
                if (index, c) not in found:
                    found[index, c] = self._weights(one, len(places), len(taps), len(new), bool(distance))
                total = sum(w * tap for w, tap in zip(found[index, c], inputs, strict=True))
                value = (total + 2048) >> 12
            predictions.append(min(max(value, self.low), self.high))
            contexts.append(self._context(one, c, t, distance, y, x))
        made = {}
        values = self.residuals.read(contexts)
        for (t, y, x), prediction, r in zip(places, predictions, values, strict=True):
            made[t, y, x] = self.step * r
            self.values[c][t][y, x] = prediction + self.step * r
            self.sizes[c][t][y, x] = min(abs(r), 1 << 26)
        return made

    def _context(self, one: Pass, c: int, t: int, distance: int, y: int, x: int) -> int:
        n = len(one.near)
        if not n and not distance:
            return UNKNOWN
        near = sum(
            self.sizes[c][t][_inside(y + dy, self.height, one.d), _inside(x + dx, self.width, one.d)]
            for dy, dx in one.near
        )
        if distance:
            a, b = {0: (0, 8), 2: (6, 2), 4: (3, 2), 8: (1, 4)}[n]
            both = sum(self.sizes[c][self._beside(t, distance, off)][y, x] for off in (-1, 1))
        else:
            a, b, both = 16 // n, 0, 0
        bits: int = struct.unpack("<I", struct.pack("<f", a * near + b * both + 1))[0]
        return (bits >> 21) - 508

    def _weights(self, one: Pass, count: int, taps: int, innovations: int, inter: bool) -> list[int]:
        if count >= 1024 and taps >= 2:
            size = taps + innovations
            made = list(struct.unpack_from(f"<{size}h", self.weights, self.used))
            self.used += 2 * size
            return made
        chosen = 0
        if count >= 32:
            chosen = self.weights[self.used]
            self.used += 1
        return self._preset(one, chosen, inter) + [0] * innovations

    def _preset(self, one: Pass, chosen: int, inter: bool) -> list[int]:
        n, far = len(one.near), [0] * len(one.far)
        if not inter:
            return ([4096 // n] * n if chosen == 0 else [2048, 2048] + [0] * (n - 2)) + far
        before, after, c = [(2048, 2048, 2), (2048, 2048, 0), (2048, 2048, 4), (4096, 0, 0)][chosen]
        k = c * 1024 // n if n else 0
        sides = [(0, -1), (0, 1), (-1, 0), (1, 0)]
        around = [(dy, dx) for dy, dx in sides if (not dy or self.height > 1) and (not dx or self.width > 1)]
        around += [offset for offset in one.near if offset not in around]
        same = [(-k) // 2 if offset in one.near else 0 for offset in around]
        return [before, after, 0, 0, *same, *same, *[0] * (1 + min(4, n)), *[k] * n, *far]


def _asked(one: Pass, axis: int, length: int) -> list[tuple[int, int]]:
    """Lines outside that neighbours in a pass lie on, ascending, and those inside that stand for them."""
    lines = {line + offset[axis] for line in (one.rows, one.columns)[axis] for offset in one.near + one.far}
    return [(line, _inside(line, length, one.d)) for line in sorted(lines) if not 0 <= line < length]


def _far(line: int, length: int) -> int:
    return -line if line < 0 else line - length + 1


def _inside(place: int, length: int, d: int) -> int:
    """The nearest place inside that is a multiple of 2d away."""
    while place < 0:
        place += 2 * d
    while place >= length:
        place -= 2 * d
    return place


def _passes(height: int, width: int) -> Iterator[Pass]:
    s = 1
    while s < min(32, max(height, width)):
        s *= 2
    yield Pass("FIRST", s, list(range(0, height, s)), list(range(0, width, s)), [], [])
    d = s // 2
    while d:
        rows, columns = d < height, d < width
        corners = [(-d, -d), (-d, d), (d, -d), (d, d)]
        across, down = [(0, -d), (0, d)], [(-d, 0), (d, 0)]
        odd_rows, odd_columns = list(range(d, height, 2 * d)), list(range(d, width, 2 * d))
        even_rows, even_columns = list(range(0, height, 2 * d)), list(range(0, width, 2 * d))
        far_across = [(0, -3 * d), (0, 3 * d)] if d <= 4 and 3 * d < width else []
        far_down = [(-3 * d, 0), (3 * d, 0)] if d <= 4 and 3 * d < height else []
        if rows and columns:
            yield Pass("D", d, odd_rows, odd_columns, corners, [])
        if columns:
            yield Pass("H", d, even_rows, odd_columns, across + (down if rows else []), far_across)
        if rows:
            near = down + (across + corners if columns else [])
            yield Pass("V", d, odd_rows, even_columns, near, far_down)
        d //= 2


# -- residuals ------------------------------------------------------------------------------------------


class Residuals:
    """Raw bits and the rANS stack, with tables that learn."""

    def __init__(self, data: bytes) -> None:
        size, at = read_varint(data, 0)
        self.raw, self.taken = data[at : at + size], 0
        at += size
        self.words = list(struct.unpack(f"<{(len(data) - at) // 4}I", data[at:]))
        self.state = self.words.pop() if self.words else 0
        if self.words:
            self.state = self.state << 32 | self.words.pop()
        self.counts: dict[int, list[int]] = {}
        self.left: dict[int, list[int]] = {}
        self.news: dict[int, int] = {}

    @property
    def finished(self) -> bool:
        """Whether nothing is left."""
        return self.taken == len(self.raw) and self.state == 0 and not self.words

    def read(self, contexts: list[int]) -> list[int]:
        """The residuals of a pass, given their contexts."""
        found = [0] * len(contexts)
        for context in sorted(set(contexts)):
            places = [i for i, one in enumerate(contexts) if one == context]
            low = 0 if context == UNKNOWN else max(0, context // 4 - 5)
            lows = self._bits(len(places), low)
            tokens = [self._token(context) for _ in places]
            values = [(one + 1) // 2 if one % 2 else -(one // 2) for one in tokens]
            for token in sorted({one for one in tokens if one >= 31}):
                at = [i for i, one in enumerate(tokens) if one == token]
                k = token - 27
                for i, rest in zip(at, self._bits(len(at), k + 1), strict=True):
                    magnitude = (1 << k) + (rest >> 1)
                    values[i] = -magnitude if rest & 1 else magnitude
            for place, value, rest in zip(places, values, lows, strict=True):
                found[place] = value << low | rest
            self._learn(context, tokens)
        return found

    def _bits(self, count: int, bits: int) -> list[int]:
        values = [0] * count
        rest = bits % 8
        for plane in range(bits // 8):
            for i in range(count):
                values[i] |= self.raw[self.taken + i] << (rest + 8 * plane)
            self.taken += count
        if rest:
            size = -(-count * rest // 8)
            text = "".join(f"{byte:08b}" for byte in self.raw[self.taken : self.taken + size])
            for i in range(count):
                values[i] |= int(text[i * rest : (i + 1) * rest], 2)
            self.taken += size
        return values

    def _token(self, context: int) -> int:
        if context not in self.left:
            self.counts.setdefault(context, _prior(context))
            self.left[context] = _left(self.counts[context])
        left = self.left[context]
        q = self.state & (1 << 24) - 1
        token = next(i for i in range(TOKENS) if q < left[i + 1])
        self.state = (self.state >> 24) * (left[token + 1] - left[token]) + q - left[token]
        if self.state < 1 << 32 and self.words:
            self.state = self.state << 32 | self.words.pop()
        return token

    def _learn(self, context: int, tokens: list[int]) -> None:
        counts = self.counts[context]
        for token in tokens:
            counts[token] += 1 << 16
        total = sum(counts)
        if total > 1 << 34:
            self.counts[context] = [count - (count >> 1) for count in counts]
        self.news[context] = self.news.get(context, 0) + len(tokens)
        if self.news[context] * 16 << 16 >= total:
            self.news[context] = 0
            del self.left[context]


def _left(counts: list[int]) -> list[int]:
    shifted = [count >> 8 for count in counts]
    table = [1 + (65536 - TOKENS) * one // sum(shifted) for one in shifted]
    table[table.index(max(table))] += 65536 - sum(table)
    left, total = [], 0
    for i, count in enumerate(table):
        left.append((total * ((1 << 24) - TOKENS) >> 16) + i)
        total += count
    return [*left, 1 << 24]


def _prior(context: int) -> list[int]:
    if context == UNKNOWN:
        weights = [59] * 31 + [31] * 59
    else:
        low = max(0, context // 4 - 5)
        m = ((1 << context // 4) * (9 + 2 * (context % 4)) - 8) // 2 >> low
        p, q = m + 1, m + 65
        magnitudes = [(1 << 64) * p**i // q**i for i in range(16)]
        weights = [magnitudes[(token + 1) // 2] for token in range(31)]
        rest = ((1 << 64) * p**16 // q**16) * (m // 64 + 1) * 2
        weights += [rest >> 1 + i for i in range(59)]
    return [(1 << 21) * weight // sum(weights) + 1 for weight in weights]
