"""Whole frames: copied where windows begin, and compared."""

import numpy as np

from ....system.compiled import inner, kernel


@kernel
def copy_blocks(before, frame, time, cut):
    """Copy the 16×16 blocks whose window begins at `time`, where windows begin at 0, to `frame`."""
    for row in range(cut.shape[0]):
        for column in range(cut.shape[1]):
            if time & ((1 << cut[row, column]) - 1) == 0:
                y, x = row * 16, column * 16
                for p in range(3):
                    for i in range(16):
                        for j in range(16):
                            frame[p, y + i, x + j] = before[p, y + i, x + j]


@kernel
def squared_error(frame, original):
    """Between two frames (3, H', W') int16."""
    total = np.int64(0)
    for p in range(frame.shape[0]):
        for y in range(frame.shape[1]):
            for x in range(frame.shape[2]):
                d = np.int32(frame[p, y, x]) - np.int32(original[p, y, x])
                total += d * d
    return total


@inner
def block_error(orig, frames, t0, count, r, c):
    """Squared error of block (r, c) over frames t0 … t0 + count − 1, in squared grey levels.

    (r, c): the place of its first leaf in `Fields`.
    """
    y, x = 8 * (r - 1), 8 * (c - 1)
    total = np.float64(0)
    for f in range(t0, t0 + count):
        for p in range(3):
            part = np.int64(0)
            for dy in range(16):
                for dx in range(16):
                    d = np.int32(orig[f, p, y + dy, x + dx]) - np.int32(frames[f, p, y + dy, x + dx])
                    part += d * d
            total += part
    return total / 256.0


@kernel
def block_errors(orig, frames, index, out):
    """Squared error of every block of one frame, in squared grey levels → out (rows, columns)."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            out[row, column] = block_error(orig, frames, index, 1, 2 * row + 1, 2 * column + 1)
