"""The encoder's transform of a block: residual, and its numbers in the window's basis; float32."""

import numpy as np

from ....system.compiled import inner_float
from .copies import fill_row


@inner_float
def subtract(orig, t0, y, x, pred, scale, out, energies):
    """(orig − pred) · scale of block (y, x) → out (4, F·C) float32; energies (4,): of each leaf."""
    fill_row(energies, 0)
    for f in range(pred.shape[0]):
        for p in range(3):
            source, guess, at = orig[t0 + f, p], pred[f, p], f * 192 + p * 64
            for i in range(4):
                oy, ox = (i >> 1) * 8, (i & 1) * 8
                row, energy = out[i], np.float32(0)
                for dy in range(8):
                    for dx in range(8):
                        d = np.int32(source[y + oy + dy, x + ox + dx]) - guess[oy + dy, ox + dx]
                        v = np.float32(d) * scale
                        energy += v * v
                        row[at + dy * 8 + dx] = v
                energies[i] += energy


@inner_float
def transform(x, rows, y):
    """x (4, K) · rows (C, K)ᵀ → y (4, C). C even. Faster than a library's product for four rows."""
    x0, x1, x2, x3 = x[0], x[1], x[2], x[3]
    zero = np.float32(0)
    for j in range(0, rows.shape[0], 2):
        a, b = rows[j], rows[j + 1]
        a0, a1, a2, a3, b0, b1, b2, b3 = zero, zero, zero, zero, zero, zero, zero, zero
        for k in range(x.shape[1]):
            u, v = a[k], b[k]
            a0 += x0[k] * u
            b0 += x0[k] * v
            a1 += x1[k] * u
            b1 += x1[k] * v
            a2 += x2[k] * u
            b2 += x2[k] * v
            a3 += x3[k] * u
            b3 += x3[k] * v
        y[0, j], y[1, j], y[2, j], y[3, j] = a0, a1, a2, a3
        y[0, j + 1], y[1, j + 1], y[2, j + 1], y[3, j + 1] = b0, b1, b2, b3
