"""Quarter-pel interpolation in exact integers: the 8-tap filters of HEVC, separable, one rounding at the end.

Planes are int16 in 1/16 grey levels with a border of `BORDER` repeated pixels on every side.
"""

import numpy as np

from ..system.compiled import inner, kernel

#: Repeated pixels around a reference frame; vectors that lead further are cut off there.
BORDER = 80
FRACTION_BITS = 4
TAPS = np.array(
    [
        [0, 0, 0, 64, 0, 0, 0, 0],
        [-1, 4, -10, 58, 17, -5, 1, 0],
        [-1, 4, -11, 40, 40, -11, 4, -1],
        [0, 1, -5, 17, 58, -10, 4, -1],
    ],
    np.int32,
)


@kernel
def pad_frame(frame, out):
    """frame (3, H, W) int16 → out (3, H + 2·BORDER, W + 2·BORDER)."""
    planes, height, width = frame.shape
    for p in range(planes):
        for y in range(height + 2 * BORDER):
            sy = min(max(y - BORDER, 0), height - 1)
            row, source = out[p, y], frame[p, sy]
            for x in range(BORDER):
                row[x], row[BORDER + width + x] = source[0], source[width - 1]
            for x in range(width):
                row[BORDER + x] = source[x]


@inner
def clamp_position(y, x, size, height, width):
    """Quarter-pel position of a block's corner in a frame → one in the bordered frame that can be read
    with all taps.
    """
    y = min(max(y + 4 * BORDER, 4 * 4), 4 * (height + 2 * BORDER - size - 5))
    x = min(max(x + 4 * BORDER, 4 * 4), 4 * (width + 2 * BORDER - size - 5))
    return y, x


@inner
def predict_block(ref, y4, x4, size, out, oy, ox, scratch):
    """Motion-compensated block of `size`² pixels at clamped quarter-pel (y4, x4) of ref → out[:, oy:, ox:]
    (3, ·, ·) int32.

    scratch: (24, 16) int32.
    """
    y, x, fy, fx = y4 >> 2, x4 >> 2, y4 & 3, x4 & 3
    for p in range(3):
        plane = ref[p]
        if fy == 0 and fx == 0:
            for i in range(size):
                for j in range(size):
                    out[p, oy + i, ox + j] = plane[y + i, x + j]
            continue
        if fy == 0:
            a, b, c, d, e, f, g, h = TAPS[fx]
            for i in range(size):
                row = plane[y + i, x - 3 : x + size + 4]
                for j in range(size):
                    v = (
                        a * row[j]
                        + b * row[j + 1]
                        + c * row[j + 2]
                        + d * row[j + 3]
                        + e * row[j + 4]
                        + f * row[j + 5]
                        + g * row[j + 6]
                        + h * row[j + 7]
                    )
                    out[p, oy + i, ox + j] = (v + 32) >> 6
            continue
        a, b, c, d, e, f, g, h = TAPS[fx]
        for i in range(size + 7):
            row = plane[y + i - 3]
            if fx == 0:
                for j in range(size):
                    scratch[i, j] = np.int32(64) * row[x + j]
            else:
                near = row[x - 3 : x + size + 4]
                for j in range(size):
                    scratch[i, j] = (
                        a * near[j]
                        + b * near[j + 1]
                        + c * near[j + 2]
                        + d * near[j + 3]
                        + e * near[j + 4]
                        + f * near[j + 5]
                        + g * near[j + 6]
                        + h * near[j + 7]
                    )
        a, b, c, d, e, f, g, h = TAPS[fy]
        for i in range(size):
            for j in range(size):
                v = (
                    a * scratch[i, j]
                    + b * scratch[i + 1, j]
                    + c * scratch[i + 2, j]
                    + d * scratch[i + 3, j]
                    + e * scratch[i + 4, j]
                    + f * scratch[i + 5, j]
                    + g * scratch[i + 6, j]
                    + h * scratch[i + 7, j]
                )
                out[p, oy + i, ox + j] = (v + 2048) >> 12


@kernel
def luma_of(frame, out):
    """(3, H, W) int16 in 1/16 → (H, W) int16 in 1/4: (R + 2G + B) / 4."""
    for y in range(frame.shape[1]):
        for x in range(frame.shape[2]):
            out[y, x] = (
                np.int32(frame[0, y, x]) + 2 * np.int32(frame[1, y, x]) + np.int32(frame[2, y, x]) + 8
            ) >> 4


@kernel
def phase_planes(luma, out, scratch):
    """luma (H, W) int16 → out (16, H, W) int16.

    Out[4·fy + fx] is the plane moved by (fy, fx) quarter pixels. For search.
    """
    height, width = luma.shape
    for fx in range(4):
        if fx == 0:
            for y in range(height):
                for x in range(width):
                    scratch[y, x] = np.int32(luma[y, x]) * 64
        else:
            a, b, c, d, e, f, g, h = TAPS[fx]
            for y in range(height):
                row = luma[y]
                line = scratch[y, 3:]
                for s in range(width - 7):
                    line[s] = (
                        a * row[s]
                        + b * row[s + 1]
                        + c * row[s + 2]
                        + d * row[s + 3]
                        + e * row[s + 4]
                        + f * row[s + 5]
                        + g * row[s + 6]
                        + h * row[s + 7]
                    )
        for fy in range(4):
            plane = out[4 * fy + fx]
            if fy == 0:
                for y in range(height):
                    for x in range(width):
                        plane[y, x] = (scratch[y, x] + 32) >> 6
                continue
            a, b, c, d, e, f, g, h = TAPS[fy]
            for y in range(height - 7):
                row0, row1, row2, row3 = scratch[y], scratch[y + 1], scratch[y + 2], scratch[y + 3]
                row4, row5, row6, row7 = scratch[y + 4], scratch[y + 5], scratch[y + 6], scratch[y + 7]
                moved = plane[y + 3]
                for x in range(width):
                    v = (
                        a * row0[x]
                        + b * row1[x]
                        + c * row2[x]
                        + d * row3[x]
                        + e * row4[x]
                        + f * row5[x]
                        + g * row6[x]
                        + h * row7[x]
                    )
                    moved[x] = (v + 2048) >> 12
