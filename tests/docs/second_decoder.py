"""A second decoder of a latent's symbols, written after docs/FORMAT.md alone: plain Python, no imfn.

It reads containers, headers, node tables and journals, and decodes symbols and motion fields. It is slow, and
stops where floating point begins.
"""

import json
import lzma
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

TOKENS = 71
FIRST, DIAGONAL, STRAIGHT = range(3)
SIDES = ((-1, 0), (1, 0), (0, -1), (0, 1))
CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))
_CODES = {"U8": "B", "U16": "H", "U32": "I", "I64": "q", "I16": "h", "I32": "i", "F32": "f"}
_HEAD = struct.Struct("<4sIQIqQII")

Place = tuple[int, int]
Vector = tuple[int, int]


# -- section 1: container -------------------------------------------------------------------------------


@dataclass
class Tensor:
    """shape, and the numbers in row-major order."""

    shape: list[int]
    data: tuple[Any, ...]

    def __getitem__(self, index: tuple[int, ...]) -> Any:
        """The number at an index, one for each axis."""
        flat = 0
        for side, place in zip(self.shape, index, strict=True):
            flat = flat * side + place
        return self.data[flat]


def read_container(path: Path) -> tuple[dict[str, str], dict[str, bytes], dict[str, Any]]:
    """Metadata, each tensor's bytes, and each tensor's entry in the JSON."""
    content = path.read_bytes()
    size = struct.unpack_from("<Q", content)[0]
    layout = json.loads(content[8 : 8 + size])
    metadata = layout.pop("__metadata__", {})
    places = {name: entry["data_offsets"] for name, entry in layout.items()}
    return metadata, {n: content[8 + size + a : 8 + size + b] for n, (a, b) in places.items()}, layout


def alpha_planes(tensors: dict[str, bytes], height: int, width: int) -> list[bytes]:
    """The alpha plane of each frame, H · W bytes, of a latent's tensors (section 2)."""
    planes: list[bytes] = []
    at = 0
    for frames, size, crc32 in struct.iter_unpack("<3I", tensors["alpha_table"]):
        data = tensors["alpha"][at : at + size]
        at += size
        assert zlib.crc32(data) == crc32
        count = frames * height * width
        if data[0] == 0:
            samples = bytearray([data[1]]) * count
        else:
            filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 22}]
            samples = bytearray(lzma.decompress(data[1:], lzma.FORMAT_RAW, filters=filters))
            # How far back the predicting sample is, and after how many samples an edge comes again.
            back, rows = {1: (0, 0), 2: (1, width), 3: (width, height * width), 4: (height * width, count)}[
                data[0]
            ]
            for index in range(count):
                if back and index % rows >= back:
                    samples[index] = (samples[index] + samples[index - back]) % 256
        planes.extend(bytes(samples[f * height * width :][: height * width]) for f in range(frames))
    return planes


def numbers(entry: dict[str, Any], data: bytes) -> Tensor:
    """A tensor's numbers."""
    code = _CODES[entry["dtype"]]
    return Tensor(entry["shape"], struct.unpack(f"<{len(data) // struct.calcsize(code)}{code}", data))


def checked(text: str, field: str = "crc32") -> dict[str, Any]:
    """A metadata key's JSON, its own checksum compared and taken off."""
    values: dict[str, Any] = json.loads(text)
    found = values.pop(field)
    assert found == zlib.crc32(json.dumps(values, sort_keys=True, separators=(",", ":")).encode())
    return values


# -- sections 2 and 10: latents -------------------------------------------------------------------------


@dataclass
class Node:
    """A node's level and bytes."""

    level: int
    data: bytes


def read_latent(path: Path) -> tuple[dict[str, Any], list[Node], list[int]]:
    """Header, nodes and the frames' times of a latent of any version."""
    metadata, data, layout = read_container(path)
    header = checked(metadata["imfn"])
    if set(data) == {"journal"}:
        return _read_journal(header, path)
    checksums = header["checksums"]
    assert set(checksums) == set(data) - {"nodes"}
    assert all(zlib.crc32(data[name]) == value for name, value in checksums.items())
    table = numbers(layout["table"], data["table"])
    nodes, at = [], 0
    for row in range(table.shape[0]):
        level, size, crc32 = (table[row, column] for column in range(3))
        nodes.append(Node(level, data["nodes"][at : at + size]))
        assert zlib.crc32(nodes[-1].data) == crc32
        at += size
    assert sum(1 << node.level for node in nodes) == header["frames"]
    ticks = [header["frame_ticks"]] * (header["frames"] - 1)
    if header["frame_ticks"] is None:
        ticks = list(numbers(layout["ticks"], data["ticks"]).data)
    times = [header["start_time"]]
    for tick in ticks:
        times.append(times[-1] + tick)
    return header, nodes, times


def _read_journal(header: dict[str, Any], path: Path) -> tuple[dict[str, Any], list[Node], list[int]]:
    content = path.read_bytes()
    at = 8 + struct.unpack_from("<Q", content)[0]
    nodes: list[Node] = []
    times: list[int] = []
    while at + 44 <= len(content):
        magic, level, size, crc32, first, tick, crc_of_times, crc = _HEAD.unpack_from(content, at)
        assert magic == b"node"
        assert crc == zlib.crc32(content[at : at + 40])
        at += 44
        block = content[at : at + (0 if tick else 8 << level)]
        at += len(block)
        data = content[at : at + size]
        at += size
        if zlib.crc32(block) != crc_of_times or zlib.crc32(data) != crc32:
            break
        nodes.append(Node(level, data))
        count = 1 << level
        times += struct.unpack(f"<{count}q", block) if block else [first + t * tick for t in range(count)]
    return header, nodes, times


# -- section 3: bytes -----------------------------------------------------------------------------------


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """A number, and where the next thing begins."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


class Rans:
    """The rANS stack; `tables` are rows of 71 counts."""

    def __init__(self, data: bytes, tables: list[list[int]]) -> None:
        self.words = list(struct.unpack(f"<{len(data) // 4}I", data))
        self.left = [self._left(counts) for counts in tables]
        self.start()

    def start(self) -> None:
        """Take the first words."""
        self.state = self.words.pop() if self.words else 0
        if self.words:
            self.state = self.state << 32 | self.words.pop()

    @staticmethod
    def _left(counts: list[int]) -> list[int]:
        sums = [sum(counts[:token]) for token in range(TOKENS)]
        return [(s * ((1 << 24) - TOKENS) >> 16) + token for token, s in enumerate(sums)] + [1 << 24]

    def tokens(self, tables: list[int]) -> list[int]:
        """The tokens of one decoding step, given each one's table."""
        found = [0] * len(tables)
        for index in sorted(range(len(tables)), key=tables.__getitem__):
            found[index] = self._token(self.left[tables[index]])
        return found

    def _token(self, left: list[int]) -> int:
        quantile = self.state & (1 << 24) - 1
        token = next(i for i in range(TOKENS) if quantile < left[i + 1])
        self.state = (self.state >> 24) * (left[token + 1] - left[token]) + quantile - left[token]
        if self.state < 1 << 32 and self.words:
            self.state = self.state << 32 | self.words.pop()
        return token

    @property
    def finished(self) -> bool:
        """Whether nothing is left."""
        return self.state == 0 and not self.words


class Lanes(Rans):
    """Eight states that take tokens in turn."""

    def start(self) -> None:
        self.turn = 0
        self.states = [self.words.pop() << 32 | self.words.pop() for _ in range(8)]

    def tokens(self, tables: list[int]) -> list[int]:
        found = []
        for table in tables:
            lane = self.turn % 8
            self.state = self.states[lane]
            found.append(self._token(self.left[table]))
            self.states[lane] = self.state
            self.turn += 1
        return found

    @property
    def finished(self) -> bool:
        return self.states == [1 << 32] * 8 and not self.words


class Values:
    """Tokens and raw bits together: tables in, values out."""

    def __init__(self, data: bytes, at: int, tables: list[list[int]], rans: type[Rans] = Rans) -> None:
        size, at = read_varint(data, at)
        self._bits = "".join(f"{byte:08b}" for byte in data[at : at + size])
        self._at = 0
        self.rans = rans(data[at + size :], tables)

    def __call__(self, tables: list[int]) -> list[int]:
        """The values of one decoding step."""
        return [self._value(token) for token in self.rans.tokens(tables)]

    def _value(self, token: int) -> int:
        if token <= 30:
            return (token + 1) // 2 if token % 2 else -(token // 2)
        count = 4 + (token - 31) // 2
        magnitude = (1 << count) + int(self._bits[self._at : self._at + count], 2)
        self._at += count
        return magnitude if token % 2 else -magnitude


# -- section 4: scan ------------------------------------------------------------------------------------


@dataclass
class Pass:
    """Positions (y, x), and of each its neighbours; None for one outside."""

    kind: int
    distance: int
    positions: list[Place]
    neighbours: list[list[Place | None]]


def passes(h: int, w: int, stride: int) -> Iterator[Pass]:
    """The passes over an h × w grid."""
    grid = [(y, x) for y in range(h) for x in range(w)]
    d = stride
    yield Pass(FIRST, d, [(y, x) for y, x in grid if y % d == 0 and x % d == 0], [])
    while d > 1:
        d //= 2
        diagonal = [(y, x) for y, x in grid if y % (2 * d) == d and x % (2 * d) == d]
        straight = [(y, x) for y, x in grid if y % d == 0 and x % d == 0 and (y + x) // d % 2 == 1]
        for kind, positions, offsets in ((DIAGONAL, diagonal, CORNERS), (STRAIGHT, straight, SIDES)):
            if positions:
                yield Pass(kind, d, positions, [_neighbours(p, offsets, d, h, w) for p in positions])


def _neighbours(place: Place, offsets: tuple[Place, ...], d: int, h: int, w: int) -> list[Place | None]:
    y, x = place
    found: list[Place | None] = []
    for dy, dx in offsets:
        ny = y + dy * d if 0 <= y + dy * d < h else y - dy * d
        nx = x + dx * d if 0 <= x + dx * d < w else x - dx * d
        found.append((ny, nx) if 0 <= ny < h and 0 <= nx < w else None)
    return found


# -- section 5: symbols ---------------------------------------------------------------------------------


class Model:
    """A model's entropy tensors and its patch."""

    def __init__(self, folder: Path) -> None:
        network = json.loads((folder / "config.json").read_text(encoding="utf-8"))["network"]
        self.patch: Place = network["patch_height"], network["patch_width"]
        _, data, layout = read_container(folder / "model.safetensors")
        everything = {name: numbers(layout[name], data[name]) for name in data}
        self.weights = {n: t for n, t in everything.items() if not n.startswith("entropy.")}
        self.set({n[8:]: t for n, t in everything.items() if n.startswith("entropy.")})

    def set(self, tensors: dict[str, Tensor]) -> None:
        """Take over the tensors of section 9."""
        self.tensors = tensors
        groups, counts = tensors["groups"], tensors["counts"]
        self.groups = [(groups[g, 0], groups[g, 1]) for g in range(groups.shape[0])]
        self.tables = [list(counts.data[k * TOKENS : (k + 1) * TOKENS]) for k in range(counts.shape[0])]

    def log(self, total: int) -> int:
        """log(n)."""
        logs = self.tensors["logs"].data
        return int(logs[min(total, len(logs) - 1)])


class MemoryDecoder:
    """Decodes one coded memory of h × w positions."""

    def __init__(self, model: Model, level: int, quality: float, size: Place) -> None:
        self.model, self.level, self.quality = model, level, quality
        self.h, self.w = size
        self.grid = [(y, x) for y in range(self.h) for x in range(self.w)]
        self.symbols: dict[tuple[int, Place], int] = {}
        # The restored numbers in steps (section 6).
        self.steps: dict[tuple[int, Place], float] = {}
        self.known: dict[Place, list[int]] = {place: [] for place in self.grid}

    def decode(self, data: bytes) -> list[int]:
        """Decode a coded memory: the symbols, as `all_symbols` gives them."""
        active, at = read_varint(data, 0)
        channels_of_all, rans = self.model.groups[-1][0], Rans
        if active > channels_of_all:
            active, rans = active - channels_of_all - 1, Lanes
        values = Values(data, at, self.model.tables, rans)
        low = 0
        for group, (end, stride) in enumerate(self.model.groups):
            channels = range(low, min(end, active))
            if not channels:
                break
            for one in passes(self.h, self.w, stride):
                self._pass(one, group, channels, values)
            self._learn(channels)
            low = end
        assert values.rans.finished
        return self.all_symbols()

    def all_symbols(self) -> list[int]:
        """(C, h, w) flat: channel by channel, each in raster order."""
        count = self.model.groups[-1][0]
        return [self.symbols.get((c, place), 0) for c in range(count) for place in self.grid]

    def _magnitude(self, channel: int, place: Place | None) -> int:
        return 0 if place is None else min(abs(self.symbols.get((channel, place), 0)), 1023)

    def _pass(self, one: Pass, group: int, channels: range, values: Values) -> None:
        tables, predictions = [], []
        for index, place in enumerate(one.positions):
            near = one.neighbours[index] if one.neighbours else []
            around = {c: sum(self._magnitude(c, p) for p in near) for c in channels}
            features = self.known[place] + [0, 0] * (len(self.model.groups) - group)
            features = [*features, self.model.log(sum(around.values())) if near else 0]
            for c in channels:
                tables.append(self._table(one.kind, c, features, self.model.log(around[c]) if near else 0))
                predictions.append(self._prediction(one, group, c, near))
        found = iter(zip(values(tables), predictions, tables, strict=True))
        for place in one.positions:
            for c in channels:
                value, predicted, table = next(found)
                self.symbols[c, place] = value + predicted
                self.steps[c, place] = value - self._inward(value, table) + predicted

    def _inward(self, value: int, table: int) -> float:
        if value == 0:
            return 0.0
        centroid = self.model.tensors["centroids"][table, min(abs(value), 3) - 1]
        return float(centroid if value > 0 else -centroid)

    def _table(self, kind: int, c: int, features: list[int], own: int) -> int:
        t, level = self.model.tensors, self.level
        tenths = round(10 * self.quality)
        j = min(tenths // 100, 9)
        beyond = tenths - 100 * j
        low, high = t["bias"][level, j, kind, c], t["bias"][level, j + 1, kind, c]
        bias = (low * (100 - beyond) + high * beyond) // 100
        weighted = sum(value * t["shared"][level, kind, c, f] for f, value in enumerate(features))
        index = (weighted + 64 * bias + own * t["own"][level, kind, c]) // 1024
        return int(max(0, min(index, len(self.model.tables) - 1)))

    def _prediction(self, one: Pass, group: int, c: int, near: list[Place | None]) -> int:
        predict = self.model.tensors["predict"]
        n = predict.shape[3]
        if group or one.kind == FIRST or c >= n:
            return 0
        e = one.distance.bit_length() - 1
        total = 0
        for i, place in enumerate(near):
            for other in range(n if place is not None else 0):
                assert place is not None
                weight = predict[self.level, one.kind - 1, e, c, i * n + other]
                total += self.symbols.get((other, place), 0) * weight
        return int(max(-8_388_608, min((total + 2048) // 4096, 8_388_607)))

    def _learn(self, channels: range) -> None:
        totals = {place: sum(self._magnitude(c, place) for c in channels) for place in self.grid}
        for y, x in self.grid:
            around = sum(totals.get((y + dy, x + dx), 0) for dy, dx in SIDES)
            self.known[y, x] += [self.model.log(totals[y, x]), self.model.log(around)]


# -- section 7: motion fields ---------------------------------------------------------------------------


@dataclass
class Field:
    """Vectors (x, y) and intra blocks by (row, column), and a gain for each group of channels."""

    vectors: dict[Place, Vector]
    intra: dict[Place, bool]
    gains: list[int]


@lru_cache(maxsize=1)
def motion_tables() -> list[list[int]]:
    """The 17 tables."""
    tables = []
    for ratio in (4, 30, 70, 110, 150, 180, 205, 225, 240, 250, 150):
        w = [(ratio**m << 256) // 256**m for m in range(1025)]
        weights = [w[0]] + [w[(token + 1) // 2] for token in range(1, 31)]
        for j in range(20):
            weights += [w[min(16 << j, 1024)] * min(16 << j, 64)] * 2
        counts = [1 + 65_465 * weight // sum(weights) for weight in weights]
        counts[0] += 65_536 - sum(counts)
        tables.append(counts)
    for chance in (6, 60, 120, 170, 235, 60):
        used = 65_465 * chance // 256
        tables.append([1 + 65_465 - used, 1 + used] + [1] * 69)
    return tables


def decode_motion(data: bytes, rows: int, columns: int, groups: int, before: dict[Place, Vector]) -> Field:
    """A motion field of rows × columns blocks."""
    nibbles = data[1 : 1 + (groups + 1) // 2]
    gains = [nibble for byte in nibbles for nibble in (byte & 15, byte >> 4)][:groups]
    values = Values(data, 1 + len(nibbles), motion_tables())
    field = Field({}, {}, gains)
    for one in passes(rows, columns, 4):
        near = one.neighbours or [[] for _ in one.positions]
        flags = [0] * len(one.positions)
        if data[0] & 1:
            counts = [sum(p is not None and field.intra[p] for p in places) for places in near]
            flags = values([16 if one.kind == FIRST else 11 + count for count in counts])
        predicted, tables = [], []
        for place, places in zip(one.positions, near, strict=True):
            vector, table = _predicted(field, place, places, before)
            predicted.append(vector)
            tables.append(table)
        coded = [i for i, flag in enumerate(flags) if not flag] if data[0] & 2 else []
        found = values([tables[i] for i in coded] * 2)
        for i, dx, dy in zip(coded, found[: len(coded)], found[len(coded) :], strict=True):
            x, y = predicted[i]
            predicted[i] = _clip(x + _clip(dx)), _clip(y + _clip(dy))
        for place, vector, flag in zip(one.positions, predicted, flags, strict=True):
            field.vectors[place] = vector if data[0] & 2 else (0, 0)
            field.intra[place] = bool(flag)
    assert values.rans.finished
    return field


def _predicted(
    field: Field, place: Place, near: list[Place | None], before: dict[Place, Vector]
) -> tuple[Vector, int]:
    own = before.get(place, (0, 0))
    if not near:
        return own, 10
    five = [own, *(own if p is None else field.vectors[p] for p in near)]
    xs, ys = sorted(x for x, _ in five), sorted(y for _, y in five)
    return (xs[2], ys[2]), min((xs[3] - xs[1] + ys[3] - ys[1]).bit_length(), 9)


def _clip(value: int) -> int:
    return max(-32_768, min(value, 32_768))


# -- a whole latent -------------------------------------------------------------------------------------


def decode_latent(path: Path, model: Model) -> list[tuple[Field | None, MemoryDecoder]]:
    """Of each node its motion field, None for an intra node, and its decoded memory."""
    header, nodes, _ = read_latent(path)
    (ph, pw), height, width = model.patch, header["height"], header["width"]
    size = -(-height // ph), -(-width // pw)
    blocks = -(-height // (2 * ph)), -(-width // (2 * pw))
    decoded: list[tuple[Field | None, MemoryDecoder]] = []
    field: Field | None = None
    for index, node in enumerate(nodes):
        data, before = node.data, field
        field = None
        if index % header.get("chain", 1):
            length, at = read_varint(data, 0)
            same = before is not None and nodes[index - 1].level == node.level
            vectors = before.vectors if before is not None and same else {}
            field = decode_motion(data[at : at + length], *blocks, len(model.groups), vectors)
            data = data[at + length :]
        decoder = MemoryDecoder(model, node.level, header["quality"], size)
        decoder.decode(data)
        decoded.append((field, decoder))
    return decoded
