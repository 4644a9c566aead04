"""Smoothing of leaf edges in restored frames, inside the loop; exact integers (after H.264, 8.7)."""

import numpy as np

from ....system.compiled import inner, kernel


@inner
def _strength(lasts, mode, mv, r0, c0, r1, c1):
    if mode[r0, c0] == 3 or mode[r1, c1] == 3:
        return 3
    if lasts[r0, c0] > 0 or lasts[r1, c1] > 0:
        return 2
    if abs(mv[r0, c0, 0] - mv[r1, c1, 0]) >= 4 or abs(mv[r0, c0, 1] - mv[r1, c1, 1]) >= 4:
        return 1
    return 0


@kernel
def deblock(frame, lasts, mode, mv, alpha, beta, limits):
    """frame (3, H, W) int16 in 1/16, in place.

    Alpha, beta: thresholds; limits (4,): largest change by strength.
    """
    planes, height, width = frame.shape
    rows, columns = height // 8, width // 8
    for r in range(rows):
        for c in range(1, columns):
            s = _strength(lasts, mode, mv, r + 1, c, r + 1, c + 1)
            if s == 0:
                continue
            limit, x = limits[s], c * 8
            for p in range(planes):
                for i in range(8):
                    _edge(frame[p, r * 8 + i], x, alpha, beta, limit, s)
    line = np.zeros(8, np.int16)
    for r in range(1, rows):
        for c in range(columns):
            s = _strength(lasts, mode, mv, r, c + 1, r + 1, c + 1)
            if s == 0:
                continue
            limit, y = limits[s], r * 8
            for p in range(planes):
                for j in range(8):
                    x = c * 8 + j
                    for i in range(8):
                        line[i] = frame[p, y - 4 + i, x]
                    _edge(line, 4, alpha, beta, limit, s)
                    for i in range(1, 7):
                        frame[p, y - 4 + i, x] = line[i]


@inner
def _edge(row, x, alpha, beta, limit, strength):
    p2, p1, p0 = np.int64(row[x - 3]), np.int64(row[x - 2]), np.int64(row[x - 1])
    q0, q1, q2 = np.int64(row[x]), np.int64(row[x + 1]), np.int64(row[x + 2])
    if abs(p0 - q0) >= alpha or abs(p1 - p0) >= beta or abs(q1 - q0) >= beta:
        return
    flat_p, flat_q = abs(p2 - p0) < beta, abs(q2 - q0) < beta
    t = limit + (flat_p + flat_q) * (limit >> 1)
    delta = min(max((4 * (q0 - p0) + p1 - q1 + 4) >> 3, -t), t)
    row[x - 1] = min(max(p0 + delta, 0), 4080)
    row[x] = min(max(q0 - delta, 0), 4080)
    if flat_p:
        row[x - 2] = p1 + min(max((p2 + ((p0 + q0 + 1) >> 1) - 2 * p1) >> 1, -limit), limit)
    if flat_q:
        row[x + 1] = q1 + min(max((q2 + ((p0 + q0 + 1) >> 1) - 2 * q1) >> 1, -limit), limit)
