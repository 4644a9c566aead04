"""Motion search of an encoder: best vector of a block by error of luma + λ · bits, in quarter pixels."""

import numpy as np

from ..system.compiled import inner
from .interpolate import clamp_position

#: Estimated bits of a vector component's difference to its prediction, up to 1023 quarter pixels.
VECTOR_BITS = np.array([0.7] + [3.0 + 1.9 * np.floor(np.log2(d)) for d in range(1, 1024)], np.float32)


@inner
def vector_bits(dy, dx):
    """Roughly the bits of a vector difference."""
    return VECTOR_BITS[min(abs(dy), 1023)] + VECTOR_BITS[min(abs(dx), 1023)]


@inner
def sad(luma, planes, y, x, size, y4, x4):
    """Sum of absolute differences between luma[y:, x:] and the planes at clamped quarter-pel position (y4,
    x4).
    """
    plane = planes[4 * (y4 & 3) + (x4 & 3)]
    py, px = y4 >> 2, x4 >> 2
    total = np.int32(0)
    for i in range(size):
        a = luma[y + i]
        b = plane[py + i]
        for j in range(size):
            total += np.int32(abs(np.int32(a[x + j]) - np.int32(b[px + j])))
    return total


@inner
def satd(luma, planes, y, x, size, y4, x4, d):
    """Sum of absolute Hadamard coefficients of 8×8 differences, scaled like `sad`.

    D: (8, 8) int32 scratch.
    """
    plane = planes[4 * (y4 & 3) + (x4 & 3)]
    py, px = y4 >> 2, x4 >> 2
    total = np.int64(0)
    for by in range(0, size, 8):
        for bx in range(0, size, 8):
            for i in range(8):
                a = luma[y + by + i]
                b = plane[py + by + i]
                for j in range(8):
                    d[i, j] = np.int32(a[x + bx + j]) - np.int32(b[px + bx + j])
            total += hadamard(d)
    return total


@inner
def hadamard(d):
    """Sum of absolute values of the 8×8 Hadamard transform of d, over 4; d is lost."""
    for i in range(8):
        a0, a1, a2, a3 = d[i, 0] + d[i, 4], d[i, 1] + d[i, 5], d[i, 2] + d[i, 6], d[i, 3] + d[i, 7]
        a4, a5, a6, a7 = d[i, 0] - d[i, 4], d[i, 1] - d[i, 5], d[i, 2] - d[i, 6], d[i, 3] - d[i, 7]
        b0, b1, b2, b3 = a0 + a2, a1 + a3, a0 - a2, a1 - a3
        b4, b5, b6, b7 = a4 + a6, a5 + a7, a4 - a6, a5 - a7
        d[i, 0], d[i, 1], d[i, 2], d[i, 3] = b0 + b1, b0 - b1, b2 + b3, b2 - b3
        d[i, 4], d[i, 5], d[i, 6], d[i, 7] = b4 + b5, b4 - b5, b6 + b7, b6 - b7
    total = np.int64(0)
    for j in range(8):
        a0, a1, a2, a3 = d[0, j] + d[4, j], d[1, j] + d[5, j], d[2, j] + d[6, j], d[3, j] + d[7, j]
        a4, a5, a6, a7 = d[0, j] - d[4, j], d[1, j] - d[5, j], d[2, j] - d[6, j], d[3, j] - d[7, j]
        b0, b1, b2, b3 = a0 + a2, a1 + a3, a0 - a2, a1 - a3
        b4, b5, b6, b7 = a4 + a6, a5 + a7, a4 - a6, a5 - a7
        total += abs(b0 + b1) + abs(b0 - b1) + abs(b2 + b3) + abs(b2 - b3)
        total += abs(b4 + b5) + abs(b4 - b5) + abs(b6 + b7) + abs(b6 - b7)
    return total >> 2


@inner
def _cost(luma, planes, y, x, size, vy, vx, py, px, lam):
    height, width = luma.shape
    y4, x4 = clamp_position(4 * y + vy, 4 * x + vx, size, height, width)
    return sad(luma, planes, y, x, size, y4, x4) + lam * vector_bits(vy - py, vx - px)


@inner
def search(luma, planes, y, x, size, starts, count, py, px, lam, limit, d):
    """Best vector of the block: seeded by `starts` (count, 2), full-pel by growing diamonds, then half and
    quarter.

    (py, px): predicted vector.  lam: error per bit.  limit: largest component in quarter pixels.
    Returns (vy, vx, cost by SATD).
    """
    best, vy, vx = np.float64(1e18), 0, 0
    for i in range(count):
        sy, sx = starts[i, 0], starts[i, 1]
        cost = _cost(luma, planes, y, x, size, sy, sx, py, px, lam)
        if cost < best:
            best, vy, vx = cost, sy, sx
    # Far rings, where nothing fits yet.
    if size == 16 and best > 4 * 4 * 256:
        cy, cx = (vy + 2) >> 2 << 2, (vx + 2) >> 2 << 2
        for radius in (16, 32, 64, 96):
            for i in range(-2, 3):
                for j in range(-2, 3):
                    if (max(abs(i), abs(j)) < 2 and radius > 32) or (i == 0 and j == 0):
                        continue
                    ny, nx = cy + i * radius // 2, cx + j * radius // 2
                    if max(abs(ny), abs(nx)) > limit:
                        continue
                    cost = _cost(luma, planes, y, x, size, ny, nx, py, px, lam)
                    if cost < best:
                        best, vy, vx = cost, ny, nx
    step = 16 if size == 16 else 8
    while step >= 4:
        moved = True
        rounds = 0
        while moved and rounds < 12:
            moved = False
            rounds += 1
            cy, cx = vy, vx
            for k in range(4):
                ny = cy + (step if k == 0 else -step if k == 1 else 0)
                nx = cx + (step if k == 2 else -step if k == 3 else 0)
                if max(abs(ny), abs(nx)) > limit:
                    continue
                cost = _cost(luma, planes, y, x, size, ny, nx, py, px, lam)
                if cost < best:
                    best, vy, vx, moved = cost, ny, nx, True
        step >>= 1
    height, width = luma.shape
    y4, x4 = clamp_position(4 * y + vy, 4 * x + vx, size, height, width)
    best = satd(luma, planes, y, x, size, y4, x4, d) + lam * vector_bits(vy - py, vx - px)
    for step in (2, 1):
        cy, cx = vy, vx
        for i in range(-1, 2):
            for j in range(-1, 2):
                if i == 0 and j == 0:
                    continue
                ny, nx = cy + i * step, cx + j * step
                if max(abs(ny), abs(nx)) > limit:
                    continue
                y4, x4 = clamp_position(4 * y + ny, 4 * x + nx, size, height, width)
                cost = satd(luma, planes, y, x, size, y4, x4, d) + lam * vector_bits(ny - py, nx - px)
                if cost < best:
                    best, vy, vx = cost, ny, nx
    return vy, vx, best
