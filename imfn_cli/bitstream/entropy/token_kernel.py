"""Tokens and the words of the rANS coder, compiled: docs/FORMAT.md, section 3.

One state takes all tokens, sorted by table, or eight states, *lanes*, take them in turn: a processor decodes
eight tokens at once then, and nothing is sorted.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...system.compiled import inner, kernel
from .tokens import TOKENS

#: States that take tokens in turn.
LANES = 8
# Tables of the coder have so many bits, and their tokens are looked up by the first so many of them.
_BITS, _LOOKUP_BITS = 24, 9
_MASK = (1 << _BITS) - 1
# A lane's state never lies below this while there are words.
_LEAST = 1 << 32


class CoderTables(NamedTuple):
    """Probability tables as the kernels want them.

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


# -- one state --------------------------------------------------------------------------------------------


@inner
def sort_by_table(chosen, ends, ordered):
    """The symbols of a pass table by table, `ordered`; ends[0, t] is where table t's end.

    Symbols one after another are often of one table: they count in two rows, so that none waits for another.
    """
    symbols, tables = len(chosen), ends.shape[1]
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
    for i in range(symbols):
        table = chosen[i]
        ordered[ends[0, table]] = i
        ends[0, table] += 1


@inner
def decode_sorted(state, at, words, left, first, ends, ordered, tokens):
    """The tokens of a pass, `tokens`, zeros before; returns the state and how many words are left."""
    begin = 0
    for table in range(len(left)):
        end = ends[0, table]
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
                tokens[ordered[k]] = token
            if state < np.uint64(_LEAST) and at:
                at -= 1
                state = state << np.uint64(32) | np.uint64(words[at])
        begin = end
    return state, at


# -- lanes ------------------------------------------------------------------------------------------------


@inner
def decode_lanes(states, at, turn, words, left, first, chosen, tokens):
    """The tokens of a pass, `tokens`; returns how many words are left.

    states (LANES,) uint64.   turn: tokens before this pass; each takes the next lane.
    """
    # Flat, and unsigned: as in `choose_tables`.
    all_left, all_first, one = left.reshape(-1), first.reshape(-1), np.uint64(1)
    row, size = np.uint64(left.shape[1]), np.uint64(first.shape[1])
    for k in range(np.uint64(len(chosen))):
        lane, table = (np.uint64(turn) + k) % np.uint64(LANES), np.uint64(chosen[k])
        state = states[lane]
        quantile = np.uint32(state & np.uint64(_MASK))
        token = np.uint64(all_first[table * size + np.uint64(quantile >> np.uint32(_BITS - _LOOKUP_BITS))])
        at_left = table * row + token
        # Rarely: no branch that cannot be foreseen, since tokens 0 are not told apart.
        while all_left[at_left + one] <= quantile:
            at_left += one
            token += one
        start = all_left[at_left]
        share = np.uint64(all_left[at_left + one] - start)
        state = (state >> np.uint64(_BITS)) * share + np.uint64(quantile - start)
        if state < np.uint64(_LEAST) and at:
            at -= 1
            state = state << np.uint64(32) | np.uint64(words[np.uint64(at)])
        states[lane] = state
        tokens[k] = token
    return at


@kernel
def encode_lanes(tokens, tables, left):
    """Tokens (N,) of a node and their tables (N,), in the order of the passes → words, uint32.

    The coder is a stack: what is to be decoded first is coded last.
    """
    words = np.empty(len(tokens) + 2 * LANES, np.uint32)
    states = np.full(LANES, _LEAST, np.uint64)
    count = 0
    for k in range(len(tokens) - 1, -1, -1):
        lane, table, token = np.uint64(k) % np.uint64(LANES), tables[k], tokens[k]
        start = np.uint64(left[table, token])
        share = np.uint64(left[table, token + 1]) - start
        state = states[lane]
        if state >= share << np.uint64(64 - _BITS):
            words[count] = np.uint32(state & np.uint64(0xFFFFFFFF))
            count += 1
            state >>= np.uint64(32)
        states[lane] = (state // share << np.uint64(_BITS)) + state % share + start
    for lane in range(LANES - 1, -1, -1):
        words[count] = np.uint32(states[lane] & np.uint64(0xFFFFFFFF))
        words[count + 1] = np.uint32(states[lane] >> np.uint64(32))
        count += 2
    return words[:count]
