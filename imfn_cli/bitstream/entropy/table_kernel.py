"""Each symbol's table and prediction, compiled: docs/FORMAT.md, sections 4 and 5.

All in whole numbers. Loops over channels do one thing each: those the compiler turns into vectors.
"""

import numpy as np

from ...system.compiled import inner
from .scan import DIAGONAL, DISTANCES, FIRST, STRAIGHT
from .tokens import LIMIT

#: Magnitudes count as this at most, as in `context.py`.
CLIP = 1023
# Table weights are in units of 2^-10, prediction weights of 2^-12.
_WEIGHT_BITS, _PREDICTION_BITS = 10, 12


@inner
def positions_of(kind, distance, h, w, places):
    """The positions of a pass in raster order, `places`; returns how many."""
    step = distance if kind == FIRST else 2 * distance
    count = 0
    for y in range(distance if kind == DIAGONAL else 0, h, step if kind != STRAIGHT else distance):
        first = 0
        if kind == DIAGONAL or (kind == STRAIGHT and y // distance % 2 == 0):
            first = distance
        for x in range(first, w, step):
            places[count] = y * w + x
            count += 1
    return count


@inner
def neighbours(kind, distance, position, h, w, near):
    """Flat indices of the four neighbours; mirrored at the border, h·w where that is outside too."""
    y, x = position // w, position % w
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
def choose_tables(
    kind, distance, low, high, group, h, w, logs, shared, own, bias, known, magnitudes, tables, places, chosen
):  # fmt: skip
    """The table of each symbol of a pass, `chosen`, position by position.

    known (h·w, 2·G): of the groups before.   magnitudes (h·w + 1, C) int16: of the passes before.
    """
    last_log, wide = np.int32(len(logs) - 1), np.uint64(high - low)
    near = np.empty(4, np.int64)
    index, sum_of_four = np.empty(wide, shared.dtype), np.empty(wide, np.int32)
    # Flat, and from an offset on: views of rows cost more than what is done with them. Unsigned: a number
    # that may count from the end makes no vector.
    weights, alone, start = shared.reshape(-1), own.reshape(-1), bias.reshape(-1)
    flat = magnitudes.reshape(-1)
    channels, features, begin = np.uint64(bias.shape[1]), np.uint64(shared.shape[1]), np.uint64(low)
    own_row, found = np.uint64(kind) * channels + begin, np.uint64(0)
    shared_rows = np.uint64(kind) * features * channels + begin
    for n in range(len(places)):
        position = places[n]
        for c in range(wide):
            index[c] = start[own_row + c]
        # Two features at a time: the sums are read and written half as often.
        for f in range(group):
            here, around = known[position, 2 * f], known[position, 2 * f + 1]
            if here or around:
                first = shared_rows + np.uint64(2 * f) * channels
                second = first + channels
                for c in range(wide):
                    index[c] += here * weights[first + c] + around * weights[second + c]
        if kind != FIRST:
            neighbours(kind, distance, position, h, w, near)
            n0, n1 = np.uint64(near[0]) * channels + begin, np.uint64(near[1]) * channels + begin
            n2, n3 = np.uint64(near[2]) * channels + begin, np.uint64(near[3]) * channels + begin
            total = 0
            for c in range(wide):
                sum_of_four[c] = np.int32(flat[n0 + c]) + flat[n1 + c] + flat[n2 + c] + flat[n3 + c]
            for c in range(wide):
                total += sum_of_four[c]
                index[c] += logs[np.uint64(np.uint32(min(sum_of_four[c], last_log)))] * alone[own_row + c]
            value = logs[min(total, last_log)]
            if value:
                last = shared_rows + (features - np.uint64(1)) * channels
                for c in range(wide):
                    index[c] += value * weights[last + c]
        for c in range(wide):
            chosen[found + c] = min(max(index[c] >> _WEIGHT_BITS, 0), tables - 1)
        found += wide


@inner
def learn(group, low, high, h, w, logs, known, magnitudes, totals):
    """What later groups know of a group: its magnitudes at each position, and around it."""
    last_log, wide = len(logs) - 1, np.uint64(high - low)
    flat, first = magnitudes.reshape(-1), np.uint64(low)
    for position in range(h * w):
        total = np.int32(0)
        for c in range(wide):
            total += flat[first + c]
        first += np.uint64(magnitudes.shape[1])
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
def predict(kind, distance, position, h, w, weights, signed, near, predicted):
    """The prediction of each of the first channels at a position, `predicted`; whether there is any.

    weights: (KINDS − 1, DISTANCES, 4·n, n) int64, flat.   signed: (h·w + 1, n) int32, flat: symbols of these
    channels.   predicted (n,) int64.
    """
    wide, nearness, some = np.uint64(len(predicted)), 0, False
    while 1 << nearness < distance:
        nearness += 1
    neighbours(kind, distance, position, h, w, near)
    square = wide * wide
    first = np.uint64((kind - 1) * DISTANCES + nearness) * np.uint64(4) * square
    n0, n1 = np.uint64(near[0]) * wide, np.uint64(near[1]) * wide
    n2, n3 = np.uint64(near[2]) * wide, np.uint64(near[3]) * wide
    for c in range(wide):
        predicted[c] = 1 << (_PREDICTION_BITS - 1)
    for other in range(wide):
        s0, s1 = np.int64(signed[n0 + other]), np.int64(signed[n1 + other])
        s2, s3 = np.int64(signed[n2 + other]), np.int64(signed[n3 + other])
        # The other neighbours' weights.
        second, third, fourth = first + square, first + square + square, first + square + square + square
        for c in range(wide):
            predicted[c] += (
                s0 * weights[first + c]
                + s1 * weights[second + c]
                + s2 * weights[third + c]
                + s3 * weights[fourth + c]
            )
        first += wide
    for c in range(wide):
        predicted[c] = min(max(predicted[c] >> _PREDICTION_BITS, -(LIMIT // 2 + 1)), LIMIT // 2)
        some |= predicted[c] != 0
    return some
