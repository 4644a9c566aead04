"""A coded memory's bytes to its symbols, compiled: docs/FORMAT.md, sections 3 to 6.

All in whole numbers, but for the restored values, which nothing is decoded from.
"""

import numpy as np

from ...system.compiled import inner, kernel
from .scan import DIAGONAL, FIRST, STRAIGHT
from .table_kernel import CLIP, choose_tables, learn, positions_of, predict
from .token_kernel import LANES, decode_lanes, decode_sorted, sort_by_table
from .tokens import DIRECT, TOKENS

#: How the kernel ends.
SOUND, RAW_BITS_RUN_OUT, BYTES_LEFT_OVER = range(3)
# First tokens that have raw bits.
_LARGE = 2 * DIRECT - 1


@inner
def _signed(token):
    """The number that a direct token stands for."""
    value = (np.int32(token) + 1) >> 1
    return value if token & 1 else -value


@inner
def _direct_values(channels, places, chosen, tokens, direct, magnitudes, rows):
    """What a pass's direct tokens stand for; returns whether there are others.

    channels: (low, high) of the pass's.   direct (K · TOKENS,) float32: where each is restored.
    """
    low, high = channels
    wide, row_length = np.uint64(high - low), np.uint64(rows.shape[1])
    # Flat, and unsigned: as in `choose_tables`.
    flat_magnitudes, flat_rows = magnitudes.reshape(-1), rows.reshape(-1)
    k, largest = np.uint64(0), np.int32(0)
    for n in range(len(places)):
        first = np.uint64(places[n]) * row_length + np.uint64(low)
        for c in range(wide):
            token = np.int32(tokens[k + c])
            largest = max(largest, token)
            flat_magnitudes[first + c] = (token + 1) >> 1
        for c in range(wide):
            by = np.uint64(chosen[k + c]) * np.uint64(TOKENS) + np.uint64(tokens[k + c])
            flat_rows[first + c] = direct[by]
        k += wide
    return largest >= _LARGE


@inner
def _raw_bits(raw, at, bits):
    """1 and the raw bits from bit `at` on, most significant first."""
    value = 1
    for bit in range(at, at + bits):
        value = value << 1 | (raw[bit >> 3] >> (7 - (bit & 7))) & 1
    return value


@inner
def _large_values(channels, places, chosen, tokens, inward, raw, at_bit, values, magnitudes, rows):
    """What a pass's other tokens stand for, `values` too; returns where raw bits go on, −1 past their end."""
    low, high = channels
    wide = high - low
    for k in range(len(places) * wide):
        token = np.int64(tokens[k])
        if token >= _LARGE:
            bits = 4 + (token - _LARGE) // 2
            if at_bit + bits > 8 * len(raw):
                return -1
            value = _raw_bits(raw, at_bit, bits)
            at_bit += bits
            place, c = places[k // wide], low + k % wide
            magnitudes[place, c] = min(value, CLIP)
            values[k] = value if token % 2 else -value
            rows[place, c] = np.float32(values[k] - np.float64(inward[np.int64(chosen[k]) * TOKENS + token]))
    return at_bit


@inner
def _add_predictions(
    kind, distance, places, wide, h, w, weights, chosen, tokens, values, inward, signed, magnitudes, rows,
):  # fmt: skip
    """Differences of the first channels to symbols.

    values: of tokens with raw bits.   wide: channels of the pass.
    """
    near, predicted = np.empty(4, np.int64), np.zeros(signed.shape[1], np.int64)
    flat, coded = signed.reshape(-1), np.uint64(min(signed.shape[1], wide))
    for n in range(len(places)):
        place, some = places[n], False
        if kind != FIRST:
            some = predict(kind, distance, place, h, w, weights, flat, near, predicted)
        at, k = np.uint64(place) * np.uint64(signed.shape[1]), np.uint64(n * wide)
        for c in range(coded):
            token = tokens[k + c]
            difference = values[k + c] if token >= _LARGE else np.int64(_signed(token))
            symbol = difference
            if some and predicted[c]:
                symbol += predicted[c]
                by = np.float64(inward[np.uint64(chosen[k + c]) * np.uint64(TOKENS) + np.uint64(token)])
                magnitudes[place, c] = min(abs(symbol), CLIP)
                rows[place, c] = np.float32(difference - by + predicted[c])
            flat[at + c] = symbol
        # Those that are not active count as zeros.
        for c in range(coded, np.uint64(signed.shape[1])):
            flat[at + c] = 0


@inner
def _keep_symbols(channels, places, tokens, values, signed, predicted, symbols):
    """A pass's symbols.   predicted: channels whose symbols are `signed`."""
    low, high = channels
    wide = high - low
    for n in range(len(places)):
        for c in range(wide):
            k = n * wide + c
            if c < predicted:
                symbols[places[n], low + c] = signed[places[n], c]
            else:
                symbols[places[n], low + c] = values[k] if tokens[k] >= _LARGE else _signed(tokens[k])


@kernel
def decode_node(
    words, raw, active, lanes, h, w, ends, strides, logs, shared, own, bias, weights, left, first, inward,
    direct, magnitudes, signed, rows, symbols,
):  # fmt: skip
    """Fill in `rows` (h·w, C) float32, and `symbols`, int32 zeros so or empty; returns how it ended.

    words (n,) uint32: of the rANS coder.   raw (b,) uint8: raw bits.   active: channels that are coded.
    lanes: whether eight states took the tokens.   ends, strides (G,): of the groups.
    logs (S,): as in the model.
    shared (KINDS, 2·G + 1, C), own, bias (KINDS, C): weights of one level and quality, int32 or int64.
    weights: (KINDS − 1, DISTANCES, 4·n, n) int64, flat: of predictions.
    inward, direct (K · TOKENS,) float32: of `EntropyModel`.
    magnitudes (h·w + 1, C) int16, signed (h·w + 1, n) int32: to work in, their last rows zeros.
    """
    size, groups, tables = h * w, len(ends), len(left)
    known = np.empty((size, 2 * groups), shared.dtype)
    totals = np.empty(size, np.int64)
    widest = 0
    for group in range(groups):
        widest = max(widest, ends[group] - (ends[group - 1] if group else 0))
    # Of a pass: its positions, each symbol's table and token, and the values of tokens with raw bits.
    places = np.empty(size, np.int32)
    chosen, tokens = np.empty(size * widest, np.uint8), np.empty(size * widest, np.uint8)
    ordered, edges = np.empty(0 if lanes else size * widest, np.int32), np.empty((2, tables), np.int64)
    values = np.empty(0, np.int64)
    states = np.zeros(LANES, np.uint64)
    at_word, at_bit, turn = len(words), 0, 0
    for lane in range(LANES if lanes else 1):
        for _ in range(2):
            if at_word:
                at_word -= 1
                states[lane] = states[lane] << np.uint64(32) | np.uint64(words[at_word])
    low = 0
    for group in range(groups):
        high = min(ends[group], active)
        if high <= low:
            break
        wide, kind, distance = high - low, FIRST, strides[group]
        while True:
            count = positions_of(kind, distance, h, w, places)
            here, by, coded = places[:count], chosen[: count * wide], tokens[: count * wide]
            choose_tables(
                kind, distance, low, high, group, h, w, logs, shared, own, bias, known, magnitudes, tables,
                here, by,
            )  # fmt: skip
            if lanes:
                at_word = decode_lanes(states, at_word, turn, words, left, first, by, coded)
                turn += len(coded)
            else:
                coded[:] = 0
                sort_by_table(by, edges, ordered)
                states[0], at_word = decode_sorted(
                    states[0], at_word, words, left, first, edges, ordered, coded
                )
            if _direct_values((low, high), here, by, coded, direct, magnitudes, rows):
                if not len(values):
                    values = np.empty(size * widest, np.int64)
                at_bit = _large_values(
                    (low, high), here, by, coded, inward, raw, at_bit, values, magnitudes, rows
                )
                if at_bit < 0:
                    return RAW_BITS_RUN_OUT
            if group == 0 and signed.shape[1]:
                _add_predictions(
                    kind, distance, here, wide, h, w, weights, by, coded, values, inward, signed,
                    magnitudes, rows,
                )  # fmt: skip
            if len(symbols):
                predicted = signed.shape[1] if group == 0 else 0
                _keep_symbols((low, high), here, coded, values, signed, predicted, symbols)
            # A small grid has passes without positions; they change nothing.
            if kind == DIAGONAL:
                kind = STRAIGHT
            elif distance == 1:
                break
            else:
                distance //= 2
                kind = DIAGONAL
        low, begin = high, low
        if low < active:
            learn(group, begin, low, h, w, logs, known, magnitudes, totals)
    rows[:, low:] = 0
    for lane in range(LANES):
        if states[lane] != np.uint64(1 << 32 if lanes else 0):
            return BYTES_LEFT_OVER
    return BYTES_LEFT_OVER if at_word or 8 * len(raw) - at_bit >= 8 else SOUND
