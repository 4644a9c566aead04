"""Prediction of a leaf from the pixels around it, in exact integers."""

from ....system.compiled import inner

#: Mean, vertical, horizontal, planar, gradient, diagonal.
MODES = 6


@inner
def predict_leaf(frame, y, x, mode, out):
    """Leaf at (y, x) of frame (3, H, W) int16 from the row above and the column to the left → out (192,)
    int32, plane, y, x.
    """
    for p in range(3):
        plane = frame[p]
        if y == 0 and x == 0:
            for i in range(64):
                out[p * 64 + i] = 128 << 4
            continue
        corner = plane[y - 1, x - 1] if y > 0 and x > 0 else (plane[y, x - 1] if x > 0 else plane[y - 1, x])
        total = 0
        count = 0
        if y > 0:
            for j in range(8):
                total += plane[y - 1, x + j]
            count += 8
        if x > 0:
            for i in range(8):
                total += plane[y + i, x - 1]
            count += 8
        mean = (total + count // 2) // count
        for i in range(8):
            left = plane[y + i, x - 1] if x > 0 else plane[y - 1, x]
            for j in range(8):
                top = plane[y - 1, x + j] if y > 0 else plane[y, x - 1]
                if mode == 0:
                    v = mean
                elif mode == 1:
                    v = top
                elif mode == 2:
                    v = left
                elif mode == 3:
                    right = plane[y - 1, x + 7] if y > 0 else corner
                    bottom = plane[y + 7, x - 1] if x > 0 else corner
                    v = ((7 - j) * left + (j + 1) * right + (7 - i) * top + (i + 1) * bottom + 8) >> 4
                elif mode == 4:
                    v = min(max(left + top - corner, 0), 4080)
                else:
                    if i == j:
                        v = corner
                    elif i > j:
                        v = plane[y + i - j - 1, x - 1] if x > 0 else corner
                    else:
                        v = plane[y - 1, x + j - i - 1] if y > 0 else corner
                out[p * 64 + i * 8 + j] = v
