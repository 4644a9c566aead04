"""A closed-form filter of restored leaves that carry a residual, inside the loop; exact integers (after
VVC's ALF).

Weights are least squares from restored to original pixels, fitted once on training clips for every class of
leaves, so
nothing is sent but one flag a frame. A tap is the sum of the two differences of a point-symmetric pair of
neighbours to
the pixel, each cut off at a limit in proportion to the step: an edge does not pull.
"""

import numpy as np

from ....motion.interpolate import BORDER
from ....system.compiled import inlined, inner, kernel

# Point-symmetric pairs: a diamond of 7 × 7; the first four a second time with a small limit.
_DY = np.array([0, 1, 1, 1, 0, 2, 0, 3, 2, 2, 1, 1], np.int64)
_DX = np.array([1, 0, 1, -1, 2, 0, 3, 0, 1, -1, 2, -2], np.int64)
PAIRS = 12
TAPS = PAIRS + 4
CLASSES = 3 * 3 * 5
WEIGHT_BITS = 12


@inner
def leaf_class(src, y, x, mode, last, step16, thresholds):
    """Class of the leaf at (y, x) of the bordered green plane: kind, direction, activity in steps."""
    h, v = np.int64(0), np.int64(0)
    for i in range(0, 8):
        for j in range(0, 8):
            p = 2 * np.int64(src[y + i, x + j])
            h += abs(p - src[y + i, x + j - 1] - src[y + i, x + j + 1])
            v += abs(p - src[y + i - 1, x + j] - src[y + i + 1, x + j])
    direction = 1 if h > 2 * v else (2 if v > 2 * h else 0)
    level = (h + v) * 16 // (64 * step16)
    activity = 0
    for k in range(4):
        activity += level > thresholds[k]
    kind = 0 if mode == 3 else (1 if last <= 5 else 2)
    return (kind * 3 + direction) * 5 + activity


@inlined
def _tap(plane, y, x, k, p, limit):
    a = np.int64(plane[y + _DY[k], x + _DX[k]]) - p
    b = np.int64(plane[y - _DY[k], x - _DX[k]]) - p
    return min(max(a, -limit), limit) + min(max(b, -limit), limit)


@kernel
def filter_frame(src, frame, lasts, mode, step16, weights, thresholds):
    """Filter the leaves of frame (3, H, W) that have a residual.

    Src: the same frame with a border; step16: in 1/16.
    """
    rows, columns = frame.shape[1] // 8, frame.shape[2] // 8
    small = max(step16 >> 2, 1)
    for r in range(rows):
        for c in range(columns):
            last = lasts[r + 1, c + 1]
            if last == 0:
                continue
            y, x = r * 8 + BORDER, c * 8 + BORDER
            w = weights[leaf_class(src[1], y, x, mode[r + 1, c + 1], last, step16, thresholds)]
            for p in range(3):
                plane = src[p]
                for i in range(8):
                    for j in range(8):
                        v = np.int64(plane[y + i, x + j])
                        total = np.int64(1 << (WEIGHT_BITS - 1))
                        for k in range(PAIRS):
                            total += w[k] * _tap(plane, y + i, x + j, k, v, step16)
                        for k in range(4):
                            total += w[PAIRS + k] * _tap(plane, y + i, x + j, k, v, small)
                        frame[p, r * 8 + i, c * 8 + j] = min(max(v + (total >> WEIGHT_BITS), 0), 4080)


@kernel
def gather_statistics(src, frame, original, lasts, mode, step16, thresholds, a, b):
    """Normal equations of the weights, of one frame: a (classes, taps, taps) and b (classes, taps) grow.

    Arguments as of `filter_frame`; original (3, H, W): what the weights are to come near.
    """
    small = max(step16 >> 2, 1)
    taps = np.zeros(TAPS, np.float64)
    for r in range(frame.shape[1] // 8):
        for c in range(frame.shape[2] // 8):
            last = lasts[r + 1, c + 1]
            if last == 0:
                continue
            y, x = r * 8 + BORDER, c * 8 + BORDER
            n = leaf_class(src[1], y, x, mode[r + 1, c + 1], last, step16, thresholds)
            for p in range(3):
                for i in range(8):
                    for j in range(8):
                        v = np.int64(src[p, y + i, x + j])
                        for k in range(TAPS):
                            pair = k if k < PAIRS else k - PAIRS
                            taps[k] = _tap(src[p], y + i, x + j, pair, v, step16 if k < PAIRS else small)
                        error = np.float64(original[p, r * 8 + i, c * 8 + j]) - v
                        for k in range(TAPS):
                            b[n, k] += taps[k] * error
                            for m in range(TAPS):
                                a[n, k, m] += taps[k] * taps[m]
