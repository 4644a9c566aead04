"""Coding an inter node's motion field: which blocks are predicted, by which vectors, how much it all counts.

Vectors are predicted by the median of their known neighbours and of the same block in the node before, and
coded in the scan of a memory's symbols. The tables are two-sided geometric distributions, computed here in
whole numbers; which one a vector is coded with, its neighbours' disagreement says.

Bytes: one that says what follows (bit 0: some blocks are intra, bit 1: some moved), gains as nibbles, varint
size of the raw bits, raw bits, 32-bit words of the rANS coder, little-endian.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .rans import PRECISION, Tables
from .scan import FIRST, Pass, passes
from .tokens import DIRECT, TOKENS, BitReader, BitWriter, tokenise
from .varint import read_varint, varint

Integers = NDArray[np.int32]

#: A gain's unit is 1 / GAIN_UNIT.
GAIN_UNIT = 8
_INTRA, _MOVED = 1, 2
_STRIDE = 4
# Ratios of the geometric distributions, in 256ths, by the neighbours' disagreement (its number of bits).
_RATIOS = (4, 30, 70, 110, 150, 180, 205, 225, 240, 250)
# For vectors without neighbours.
_FIRST_RATIO = 150
# Chance, in 256ths, that a block is intra, by how many of its four neighbours are; the last without any.
_INTRA_CHANCES = (6, 60, 120, 170, 235, 60)
# Limit of a vector and of a difference; what an encoder finds is far below.
_LARGEST = 1 << 15


@dataclass(frozen=True)
class MotionField:
    """What an inter node's prediction is made with.

    vectors (2, rows, columns) int32: of each block, as in `imfn_cli.motion`; any where a block is intra.
    intra (rows, columns) bool: blocks that are not predicted.
    gains (G,) int32: 0 … GAIN_UNIT, how much the prediction counts in each group of channels.
    """

    vectors: Integers
    intra: NDArray[np.bool_]
    gains: Integers


def encode_motion_field(motion: MotionField, before: Integers) -> tuple[bytes, MotionField]:
    """Code a motion field, given the vectors of the node before (2, rows, columns).

    Returns the bytes, and the field as it will be decoded: vectors of intra blocks are filled in.
    """
    _, rows, columns = motion.vectors.shape
    here = (_INTRA if motion.intra.any() else 0) | (_MOVED if motion.vectors[:, ~motion.intra].any() else 0)
    wanted = motion.vectors.reshape(2, -1)
    intra = motion.intra.ravel()
    passed: list[tuple[Integers, Integers]] = []
    raw = BitWriter()

    def code(values: Integers, tables: Integers) -> Integers:
        tokens = tokenise(values)
        raw.write(values, tokens)
        passed.append((tokens, tables))
        return values

    walk = _Walk(rows, columns, before)
    for scan_pass in passes(rows, columns, _STRIDE):
        flags = np.zeros(scan_pass.positions.size, bool)
        if here & _INTRA:
            flags = intra[scan_pass.positions]
            code(flags.astype(np.int32), walk.flag_tables(scan_pass))
        predicted, tables = walk.prediction(scan_pass)
        if here & _MOVED:
            follows = ~flags
            differences = wanted[:, scan_pass.positions[follows]] - predicted[:, follows]
            code(differences.ravel(), np.tile(tables[follows], 2))
            predicted[:, follows] += differences
        else:
            predicted[:] = 0
        walk.learn(scan_pass, predicted, flags)
    bits = raw.to_bytes()
    nibbles = np.append(motion.gains, [0] * (motion.gains.size % 2)).astype(np.uint8).reshape(-1, 2)
    packed = (nibbles[:, 0] | nibbles[:, 1] << 4).astype(np.uint8).tobytes()
    words = _tables().encode(passed).astype("<u4").tobytes()
    data = bytes([here]) + packed + varint(len(bits)) + bits + words
    return data, MotionField(walk.field(), walk.flags(), motion.gains.astype(np.int32))


def decode_motion_field(data: bytes, rows: int, columns: int, groups: int, before: Integers) -> MotionField:
    """What `encode_motion_field` gave. Raises ValueError if the bytes cannot be a motion field."""
    nibbles = -(-groups // 2)
    if len(data) < 1 + nibbles or data[0] > _INTRA | _MOVED:
        raise ValueError("malformed motion")
    here = data[0]
    packed = np.frombuffer(data, np.uint8, nibbles, 1)
    gains = np.stack((packed & 15, packed >> 4), axis=1).ravel()[:groups].astype(np.int32)
    length, at = read_varint(data, 1 + nibbles)
    if (gains > GAIN_UNIT).any() or length > len(data) - at or (len(data) - at - length) % 4:
        raise ValueError("malformed motion")
    if here == 0:
        if len(data) > at:
            raise ValueError("bytes left over")
        return MotionField(np.zeros((2, rows, columns), np.int32), np.zeros((rows, columns), bool), gains)
    raw = BitReader(data[at : at + length])
    decoder = _tables().decoder(np.frombuffer(data[at + length :], "<u4"))

    def code(tables: Integers) -> Integers:
        return raw.read(decoder.decode(tables))

    walk = _Walk(rows, columns, before)
    for scan_pass in passes(rows, columns, _STRIDE):
        flags = np.zeros(scan_pass.positions.size, bool)
        if here & _INTRA:
            flags = code(walk.flag_tables(scan_pass)) != 0
        predicted, tables = walk.prediction(scan_pass)
        if here & _MOVED:
            follows = ~flags
            differences = code(np.tile(tables[follows], 2)).reshape(2, -1)
            predicted[:, follows] += np.clip(differences, -_LARGEST, _LARGEST)
            np.clip(predicted, -_LARGEST, _LARGEST, out=predicted)
        else:
            predicted[:] = 0
        walk.learn(scan_pass, predicted, flags)
    if not (decoder.finished and raw.finished):
        raise ValueError("bytes left over")
    return MotionField(walk.field(), walk.flags(), gains)


class _Walk:
    """What both sides know as they go: vectors and flags so far, and the field before."""

    def __init__(self, rows: int, columns: int, before: Integers) -> None:
        self._shape = rows, columns
        # The extra column is "outside the grid".
        self._vectors = np.zeros((2, rows * columns + 1), np.int32)
        self._intra = np.zeros(rows * columns + 1, bool)
        self._before = before.reshape(2, -1)

    def flag_tables(self, scan_pass: Pass) -> Integers:
        """The table of each flag of a pass."""
        if scan_pass.kind == FIRST:
            count: NDArray[np.integer] = np.full(scan_pass.positions.size, 5)
        else:
            count = self._intra[scan_pass.neighbours].sum(axis=0)
        return (len(_RATIOS) + 1 + count).astype(np.int32)

    def prediction(self, scan_pass: Pass) -> tuple[Integers, Integers]:
        """(2, P): the predicted vectors of a pass; (P,): the table of each."""
        before = self._before[:, scan_pass.positions]
        if scan_pass.kind == FIRST:
            return before.copy(), np.full(scan_pass.positions.size, len(_RATIOS), np.int32)
        near = self._vectors[:, scan_pass.neighbours]
        near = np.where(scan_pass.neighbours == self._intra.size - 1, before[:, None], near)
        near = np.sort(np.concatenate((near, before[:, None]), axis=1), axis=1)
        spread = (near[:, 3] - near[:, 1]).sum(axis=0)
        tables = np.minimum(np.frexp(spread.astype(np.float64))[1], len(_RATIOS) - 1)
        return near[:, 2].copy(), tables.astype(np.int32)

    def learn(self, scan_pass: Pass, vectors: Integers, intra: NDArray[np.bool_]) -> None:
        """Take in a pass."""
        self._vectors[:, scan_pass.positions] = vectors
        self._intra[scan_pass.positions] = intra

    def field(self) -> Integers:
        """(2, rows, columns)."""
        return self._vectors[:, :-1].reshape(2, *self._shape).copy()

    def flags(self) -> NDArray[np.bool_]:
        """(rows, columns)."""
        return self._intra[:-1].reshape(self._shape).copy()


@lru_cache(maxsize=1)
def _tables() -> Tables:
    rows = [_geometric(ratio) for ratio in (*_RATIOS, _FIRST_RATIO)]
    rows += [_flag(chance) for chance in _INTRA_CHANCES]
    return Tables(np.array(rows, np.int32))


def _flag(chance: int) -> list[int]:
    """Counts of the tokens 0 and 1; the others are possible, since every token must be."""
    counts = [1] * TOKENS
    free = (1 << PRECISION) - TOKENS
    counts[1] += free * chance // 256
    counts[0] += free - free * chance // 256
    return counts


def _geometric(ratio: int) -> list[int]:
    """Counts of the tokens of differences that fall off by `ratio` / 256 from each magnitude to the next."""

    def weight(magnitude: int) -> int:
        return (ratio**magnitude << 256) // 256**magnitude

    weights = [weight(0)]
    for magnitude in range(1, DIRECT):
        weights += [weight(magnitude)] * 2
    first = DIRECT
    while len(weights) < TOKENS:
        # Of a class of magnitudes the first counts for all: the tail is thin, and hardly used.
        weights += [weight(min(first, 1024)) * min(first, 64)] * 2
        first *= 2
    free, total = (1 << PRECISION) - TOKENS, sum(weights)
    counts = [1 + free * value // total for value in weights]
    counts[0] += (1 << PRECISION) - sum(counts)
    return counts
