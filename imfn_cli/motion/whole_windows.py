"""Motion compensation in whole numbers: the windows of blocks that move, as rows of patches.

A block's vector is that of `compensate.py`: what is at x in frame t of a window of r frames comes from
x − t/r · vector in the reference frame, here to the nearest sixteenth of a pixel. Bicubic, a = −0.75.
"""

import numpy as np

from ..system.compiled import kernel

#: Repeated pixels around a reference frame; vectors that lead further are cut off there.
BORDER = 80
PHASES = 16
_BITS = 8
#: Weights of the four pixels around, in 1/2^_BITS, for each sixteenth that a position is past the second.
TAPS = np.array(
    [
        [0, 256, 0, 0],
        [-11, 255, 13, -1],
        [-18, 248, 29, -3],
        [-24, 238, 47, -5],
        [-27, 225, 67, -9],
        [-28, 209, 88, -13],
        [-28, 192, 109, -17],
        [-27, 173, 131, -21],
        [-24, 152, 152, -24],
        [-21, 131, 173, -27],
        [-17, 109, 192, -28],
        [-13, 88, 209, -28],
        [-9, 67, 225, -27],
        [-5, 47, 238, -24],
        [-3, 29, 248, -18],
        [-1, 13, 255, -11],
    ],
    np.int32,
)


@kernel
def moved_windows(reference, where, vectors, patch, ratio, first, white, rows):
    """Blocks of 2 × 2 patches along their vectors, in frames first + 1 … of a window of `ratio` frames.

    reference (planes, H + 2·BORDER, W + 2·BORDER) int16, bordered; where (N, 2): row and column of each
    block; vectors (N, 2): x and y, in units.   rows (N, 4, frames, patch, patch, planes) int16: filled with
    the block's patches, top left, top right, bottom left, bottom right, clipped to 0 … white.
    """
    planes = reference.shape[0]
    height, width = reference.shape[1], reference.shape[2]
    size, span = 2 * patch, max(ratio, 4)
    lines = np.empty((size + 3, size), np.int32)
    half = np.int32(1 << (2 * _BITS - 1))
    for n in range(where.shape[0]):
        top, left = BORDER + size * where[n, 0], BORDER + size * where[n, 1]
        for f in range(rows.shape[2]):
            # In sixteenths; a unit of a vector is min(1, ratio / 4) pixels.
            time = 2 * PHASES * np.int64(first + f + 1)
            y = PHASES * top - (time * vectors[n, 1] + span) // (2 * span)
            x = PHASES * left - (time * vectors[n, 0] + span) // (2 * span)
            y = min(max(y, PHASES), PHASES * (height - size - 2))
            x = min(max(x, PHASES), PHASES * (width - size - 2))
            a0, a1, a2, a3 = TAPS[y % PHASES]
            b0, b1, b2, b3 = TAPS[x % PHASES]
            y, x = y // PHASES, x // PHASES
            for p in range(planes):
                for i in range(size + 3):
                    s, line = reference[p, y - 1 + i, x - 1 : x + size + 2], lines[i]
                    for j in range(size):
                        line[j] = b0 * s[j] + b1 * s[j + 1] + b2 * s[j + 2] + b3 * s[j + 3]
                for i in range(size):
                    l0, l1, l2, l3 = lines[i], lines[i + 1], lines[i + 2], lines[i + 3]
                    for right in range(2):
                        out = rows[n, 2 * (i // patch) + right, f, i % patch]
                        for j in range(patch):
                            k = right * patch + j
                            value = (a0 * l0[k] + a1 * l1[k] + a2 * l2[k] + a3 * l3[k] + half) >> (2 * _BITS)
                            out[j, p] = min(max(value, 0), white)
