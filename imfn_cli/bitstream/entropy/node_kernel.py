"""A coded memory's bytes to its symbols, compiled: docs/FORMAT.md, sections 3 to 6.

All in whole numbers, but for the restored values, which nothing is decoded from.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...system.compiled import inner, kernel
from .scan import DIAGONAL, FIRST, STRAIGHT
from .tokens import DIRECT, LIMIT, TOKENS

#: How the kernel ends.
SOUND, RAW_BITS_RUN_OUT, BYTES_LEFT_OVER = range(3)
# Tables of the coder have so many bits, and their tokens are looked up by the first so many of them.
_BITS, _LOOKUP_BITS = 24, 9
_MASK = (1 << _BITS) - 1
# Magnitudes count as this at most, as in `context.py`.
_CLIP = 1023
# Prediction weights are in units of 2^-12.
_PREDICTION_BITS = 12
# First tokens that have raw bits.
_LARGE = 2 * DIRECT - 1


class CoderTables(NamedTuple):
    """Probability tables as the kernel wants them.

    left (K, TOKENS + 1) uint32: where each token's part of 2^24 begins.
    first (K, 512) uint8: the token in whose part the first number with these upper bits lies.
    """

    left: NDArray[np.uint32]
    first: NDArray[np.uint8]


def coder_tables(counts: NDArray[np.integer]) -> CoderTables:
    """Counts (K, TOKENS) that sum to 2^16 → tables of 2^24, which are those of constriction's coder."""
    sums = np.pad(np.cumsum(counts.astype(np.int64), axis=1)[:, :-1], ((0, 0), (1, 0)))
    left = np.full((len(counts), TOKENS + 1), 1 << _BITS, np.int64)
    left[:, :-1] = (sums * ((1 << _BITS) - TOKENS) >> 16) + np.arange(TOKENS)
    begins = np.arange(1 << _LOOKUP_BITS) << (_BITS - _LOOKUP_BITS)
    first = np.stack([np.searchsorted(row, begins, "right") - 1 for row in left])
    return CoderTables(left.astype(np.uint32), first.astype(np.uint8))


@inner
def _neighbours(kind, distance, y, x, h, w, near):
    """Flat indices of the four neighbours; mirrored at the border, h·w where that is outside too."""
    for i in range(4):
        if kind == DIAGONAL:
            dy = -distance if i < 2 else distance
            dx = -distance if i % 2 == 0 else distance
        else:
            dy = -distance if i == 0 else distance if i == 1 else 0
            dx = -distance if i == 2 else distance if i == 3 else 0
        ny, nx = y + dy, x + dx
        if ny < 0 or ny >= h:
            ny = y - dy
        if nx < 0 or nx >= w:
            nx = x - dx
        near[i] = ny * w + nx if 0 <= ny < h and 0 <= nx < w else h * w


@inner
def _is_in(kind, distance, y, x):
    """Whether a pass has a position."""
    if kind == FIRST:
        return y % distance == 0 and x % distance == 0
    if kind == DIAGONAL:
        return y % (2 * distance) == distance and x % (2 * distance) == distance
    return y % distance == 0 and x % distance == 0 and ((y + x) // distance) % 2 == 1


@inner
def _choose_tables(
    kind, distance, low, high, group, h, w, logs, shared, own, bias, known, symbols, tables, places, chosen
):  # fmt: skip
    """The positions of a pass, `places`, and the table of each of their symbols, `chosen`; returns how many.

    Loops over channels do one thing each: those the compiler turns into vectors.
    """
    last_log, wide = len(logs) - 1, high - low
    near = np.empty(4, np.int64)
    index = np.empty(wide, shared.dtype)
    around = np.empty(wide, np.int32)
    start, alone = bias[kind, low:high], own[kind, low:high]
    count = 0
    for y in range(h):
        for x in range(w):
            if not _is_in(kind, distance, y, x):
                continue
            position = y * w + x
            for c in range(wide):
                index[c] = start[c]
            for f in range(2 * group):
                value = known[position, f]
                if value:
                    weights = shared[kind, f, low:high]
                    for c in range(wide):
                        index[c] += value * weights[c]
            if kind != FIRST:
                _neighbours(kind, distance, y, x, h, w, near)
                s0, s1 = symbols[near[0], low:high], symbols[near[1], low:high]
                s2, s3 = symbols[near[2], low:high], symbols[near[3], low:high]
                for c in range(wide):
                    around[c] = (
                        min(abs(s0[c]), _CLIP) + min(abs(s1[c]), _CLIP) + min(abs(s2[c]), _CLIP)
                        + min(abs(s3[c]), _CLIP)
                    )  # fmt: skip
                total = 0
                for c in range(wide):
                    total += around[c]
                for c in range(wide):
                    index[c] += logs[np.uint32(min(around[c], last_log))] * alone[c]
                value = logs[min(total, last_log)]
                if value:
                    weights = shared[kind, shared.shape[1] - 1, low:high]
                    for c in range(wide):
                        index[c] += value * weights[c]
            places[count] = position
            found = chosen[count * wide : (count + 1) * wide]
            for c in range(wide):
                found[c] = min(max(index[c] >> 10, 0), tables - 1)
            count += 1
    return count


@inner
def _sort_by_table(count, wide, channels, low, places, chosen, ends, ordered):
    """Places in the memory of a pass's symbols, table by table, `ordered`; ends[t] is where table t's end.

    Symbols one after another are often of one table: they count in two rows, so that none waits for another.
    """
    symbols, tables = count * wide, ends.shape[1]
    ends[:] = 0
    for i in range(0, symbols - 1, 2):
        ends[0, chosen[i]] += 1
        ends[1, chosen[i + 1]] += 1
    if symbols % 2:
        ends[0, chosen[symbols - 1]] += 1
    begin = 0
    for table in range(tables):
        size = ends[0, table] + ends[1, table]
        ends[0, table] = begin
        begin += size
    at = 0
    for i in range(count):
        place = places[i] * channels + low
        for c in range(wide):
            table = chosen[at]
            ordered[ends[0, table]] = place + c
            ends[0, table] += 1
            at += 1


@inner
def _learn(group, low, high, h, w, logs, known, symbols):
    """What later groups know of a group: its magnitudes at each position, and around it."""
    last_log = len(logs) - 1
    totals = np.zeros(h * w, np.int64)
    for position in range(h * w):
        total = 0
        for symbol in symbols[position, low:high]:
            total += min(abs(symbol), _CLIP)
        totals[position] = total
        known[position, 2 * group] = logs[min(total, last_log)]
    for y in range(h):
        for x in range(w):
            around = 0
            if y > 0:
                around += totals[(y - 1) * w + x]
            if y < h - 1:
                around += totals[(y + 1) * w + x]
            if x > 0:
                around += totals[y * w + x - 1]
            if x < w - 1:
                around += totals[y * w + x + 1]
            known[y * w + x, 2 * group + 1] = logs[min(around, last_log)]


@inner
def _predict(kind, distance, high, h, w, predict, positions, symbols, rows, inwards):
    """Add predictions to the differences of a pass in the first channels."""
    wide = predict.shape[2]
    nearness = 0
    while 1 << nearness < distance:
        nearness += 1
    near = np.empty(4, np.int64)
    for position in positions:
        _neighbours(kind, distance, position // w, position % w, h, w, near)
        for c in range(min(wide, high)):
            total, weights = 1 << _PREDICTION_BITS - 1, predict[kind - 1, nearness, c]
            for n in range(4):
                known = symbols[near[n], :wide]
                for other in range(wide):
                    total += known[other] * weights[n * wide + other]
            prediction = min(max(total >> _PREDICTION_BITS, -(LIMIT // 2 + 1)), LIMIT // 2)
            if prediction:
                difference = symbols[position, c]
                symbol = difference + prediction
                symbols[position, c] = symbol
                rows[position, c] = np.float32(difference - inwards[position, c] + prediction)


@kernel
def decode_node(
    words, raw, active, h, w, ends, strides, logs, shared, own, bias, predict, left, first, inward, symbols,
    rows,
):  # fmt: skip
    """Fill in `symbols` (h·w + 1, C) int32 and `rows` (h·w, C) float32, zeros both; returns how it ended.

    words (n,) uint32: of the rANS coder.   raw (b,) uint8: raw bits.   active: channels that are coded.
    ends, strides (G,): of the groups.   logs (S,): as in the model.
    shared (KINDS, 2·G + 1, C), own, bias (KINDS, C): weights of one level and quality, int32 or int64.
    predict (KINDS − 1, DISTANCES, predicted, 4 · predicted) int64.   inward (K, TOKENS) float64.
    """
    size, channels, groups, tables = h * w, symbols.shape[1], len(ends), len(left)
    flat_symbols, flat_rows = symbols.reshape(-1), rows.reshape(-1)
    known = np.zeros((size, 2 * groups), shared.dtype)
    # How far the predicted channels' differences are restored inward.
    wide = predict.shape[2]
    inwards = np.zeros((size, wide), np.float64)
    widest = 0
    for group in range(groups):
        widest = max(widest, ends[group] - (ends[group - 1] if group else 0))
    # Of a pass: its positions and each symbol's table; then places in the order of decoding.
    places = np.empty(size, np.int32)
    chosen = np.empty(size * widest, np.uint8)
    ordered = np.empty(size * widest, np.int32)
    large = np.empty(size * widest, np.int64)
    edges = np.empty((2, tables), np.int64)
    at_word, at_bit = len(words), 0
    state = np.uint64(0)
    for _ in range(2):
        if at_word:
            at_word -= 1
            state = state << np.uint64(32) | np.uint64(words[at_word])
    low = 0
    for group in range(groups):
        high = min(ends[group], active)
        if high <= low:
            break
        kind, distance = FIRST, strides[group]
        while True:
            count = _choose_tables(
                kind, distance, low, high, group, h, w, logs, shared, own, bias, known, symbols, tables,
                places, chosen,
            )  # fmt: skip
            _sort_by_table(count, high - low, channels, low, places, chosen, edges, ordered)
            signed = group == 0 and kind != FIRST and wide > 0
            begin, many = 0, 0
            for table in range(tables):
                end = edges[0, table]
                zero = left[table, 1]
                for k in range(begin, end):
                    quantile = np.uint32(state & np.uint64(_MASK))
                    if quantile < zero:
                        # Most tokens are 0.
                        state = (state >> np.uint64(_BITS)) * np.uint64(zero) + np.uint64(quantile)
                    else:
                        token = first[table, quantile >> np.uint32(_BITS - _LOOKUP_BITS)]
                        while left[table, token + 1] <= quantile:
                            token += 1
                        start = left[table, token]
                        share = np.uint64(left[table, token + 1] - start)
                        state = (state >> np.uint64(_BITS)) * share + np.uint64(quantile - start)
                        place = ordered[k]
                        if token < _LARGE:
                            value = (token + 1) >> 1
                            value = value if token & 1 else -value
                            flat_symbols[place] = value
                            flat_rows[place] = np.float32(value - inward[table, token])
                        else:
                            large[many] = (place * tables + table) * TOKENS + token
                            many += 1
                        if signed and place % channels < wide:
                            inwards[place // channels, place % channels] = inward[table, token]
                    if state < np.uint64(1 << 32) and at_word:
                        at_word -= 1
                        state = state << np.uint64(32) | np.uint64(words[at_word])
                begin = end
            # Raw bits stand in the order of the places.
            for entry in np.sort(large[:many]):
                token = entry % TOKENS
                table = entry // TOKENS % tables
                place = entry // TOKENS // tables
                bits = 4 + (token - _LARGE) // 2
                if at_bit + bits > 8 * len(raw):
                    return RAW_BITS_RUN_OUT
                value = 1
                for bit in range(at_bit, at_bit + bits):
                    value = value << 1 | (raw[bit >> 3] >> (7 - (bit & 7))) & 1
                at_bit += bits
                value = value if token % 2 else -value
                flat_symbols[place] = value
                flat_rows[place] = np.float32(value - inward[table, token])
            if signed:
                _predict(kind, distance, high, h, w, predict, places[:count], symbols, rows, inwards)
            # A small grid has passes without positions; they change nothing.
            if kind == DIAGONAL:
                kind = STRAIGHT
            elif distance == 1:
                break
            else:
                distance //= 2
                kind = DIAGONAL
        _learn(group, low, high, h, w, logs, known, symbols)
        low = ends[group]
    if state or at_word or 8 * len(raw) - at_bit >= 8:
        return BYTES_LEFT_OVER
    return SOUND
