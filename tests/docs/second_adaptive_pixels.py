"""Adaptive forests from symbols to pixels, after docs/FORMAT.md, sections 17 to 19, alone: numpy."""

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .second_decoder import Model, Place, Vector
from .second_range_coder import clip

Ints = NDArray[np.int64]
SKIP, INTER, INTRA = 1, 2, 3
NOT_INTRA = 6
C = 192
TAPS = np.array(
    [
        [0, 0, 0, 64, 0, 0, 0, 0],
        [-1, 4, -10, 58, 17, -5, 1, 0],
        [-1, 4, -11, 40, 40, -11, 4, -1],
        [0, 1, -5, 17, 58, -10, 4, -1],
    ]
)
PAIRS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0), (0, 3), (3, 0), (2, 1), (2, -1), (1, 2), (1, -2))


# -- section 12: what lives on of every leaf ---------------------------------------------------------


class Leaves:
    """The state of every leaf by (row, column), outside the frame too."""

    def __init__(self) -> None:
        self.mode: defaultdict[Place, int] = defaultdict(int)
        self.mv: defaultdict[Place, Vector] = defaultdict(lambda: (0, 0))
        self.imode: defaultdict[Place, int] = defaultdict(lambda: NOT_INTRA)
        self.grid: defaultdict[Place, list[int]] = defaultdict(lambda: [0] * C)
        self.last: defaultdict[Place, int] = defaultdict(int)

    def moving(self, place: Place) -> bool:
        """Whether the leaf has a vector."""
        return self.mode[place] in (SKIP, INTER)

    def clear(self, place: Place) -> None:
        """The leaf has no symbol."""
        self.grid[place], self.last[place] = [0] * C, 0


# -- section 17: bases and steps ----------------------------------------------------------------------------


def bases_of(model: Model, top: int) -> list[Ints]:
    """Section 17: the bases of levels 0 … top."""

    def whole(name: str) -> Ints:
        tensor = model.weights[f"{name}.map.weight"]
        return np.floor(np.array(tensor.data).reshape(tensor.shape) * (1 << 20) + 0.5).astype(np.int64)

    leaf = whole("leaf").reshape(C, 64, 3).transpose(0, 2, 1).reshape(C, C)
    maps = [leaf]
    for level in range(1, top + 1):
        halves = np.split(whole(f"sweepers.{level - 1}"), 2, axis=1)
        product = np.concatenate([half.astype(float) @ maps[-1].astype(float) for half in halves], axis=1)
        maps.append((product.astype(np.int64) + (1 << 19)) >> 20)
    return [(one + 32) >> 6 for one in maps]


def step_of(quality: float, offset: int) -> int:
    """Section 17: a frame's step in 1/64 grey levels."""
    tenths = clip(round(10 * quality) + 5 * offset, 0, 1100)
    d, h = divmod(1100 - tenths, 100)
    return max(1, (round(2 ** (20 + h / 100)) * 64 * 2**d + (1 << 20)) >> 21)


# -- section 18: predictions ----------------------------------------------------------------------------


def along(reference: Ints, block: Place, vectors: list[Vector], f: int) -> Ints:
    """The block (3, 16, 16) of frame f of a window, along one vector or four."""
    if len(vectors) == 1:
        return _piece(reference, 16 * block[0], 16 * block[1], vectors[0], f, 16)
    four = [
        _piece(reference, 16 * block[0] + 8 * (i >> 1), 16 * block[1] + 8 * (i & 1), vector, f, 8)
        for i, vector in enumerate(vectors)
    ]
    return np.concatenate([np.concatenate(four[:2], axis=2), np.concatenate(four[2:], axis=2)], axis=1)


def _piece(reference: Ints, y: int, x: int, vector: Vector, f: int, size: int) -> Ints:
    _, height, width = reference.shape
    y4 = clip(4 * y + f * vector[0], -304, 4 * (height + 75 - size))
    x4 = clip(4 * x + f * vector[1], -304, 4 * (width + 75 - size))
    rows = np.arange((y4 >> 2) - 3, (y4 >> 2) + size + 4).clip(0, height - 1)
    columns = np.arange((x4 >> 2) - 3, (x4 >> 2) + size + 4).clip(0, width - 1)
    source = reference[:, rows][:, :, columns]
    a, b = TAPS[y4 & 3], TAPS[x4 & 3]
    lines = sum(b[n] * source[:, :, n : n + size] for n in range(8))
    return np.asarray((sum(a[m] * lines[:, m : m + size] for m in range(8)) + 2048) >> 12)


def intra_leaf(plane: Ints, y: int, x: int, mode: int) -> Ints:
    """The leaf (8, 8) at pixel (y, x) of one plane."""
    if y == 0 and x == 0:
        return np.full((8, 8), 2048)
    top = plane[y - 1, x : x + 8] if y else np.full(8, plane[0, x - 1])
    left = plane[y : y + 8, x - 1] if x else np.full(8, plane[y - 1, 0])
    corner = int(plane[y - 1, x - 1] if x and y else top[0] if y else left[0])
    right, bottom = int(top[7]) if y else corner, int(left[7]) if x else corner
    i, j = np.mgrid[:8, :8]
    if mode == 0:
        there = np.concatenate([top] * bool(y) + [left] * bool(x))
        return np.full((8, 8), (there.sum() + len(there) // 2) // len(there))
    if mode == 1:
        return top[j]
    if mode == 2:
        return left[i]
    if mode == 3:
        return ((7 - j) * left[i] + (j + 1) * right + (7 - i) * top[j] + (i + 1) * bottom + 8) >> 4
    if mode == 4:
        return (left[i] + top[j] - corner).clip(0, 4080)
    lower = left[(i - j - 1).clip(0)] if x else corner
    upper = top[(j - i - 1).clip(0)] if y else corner
    return np.where(i == j, corner, np.where(i > j, lower, upper))


# -- section 19: after each frame -----------------------------------------------------------------------


def deblock(frame: Ints, at: Leaves, step: int) -> None:
    """Smooth the edges of leaves in place."""
    _, height, width = frame.shape
    for r in range(height // 8):
        for c in range(1, width // 8):
            lines = frame[:, 8 * r : 8 * r + 8, 8 * c - 3 : 8 * c + 3]
            _edge(lines, _strength(at, (r, c - 1), (r, c)), step)
    for r in range(1, height // 8):
        for c in range(width // 8):
            lines = frame[:, 8 * r - 3 : 8 * r + 3, 8 * c : 8 * c + 8].transpose(0, 2, 1)
            _edge(lines, _strength(at, (r - 1, c), (r, c)), step)


def _strength(at: Leaves, one: Place, other: Place) -> int:
    if INTRA in (at.mode[one], at.mode[other]):
        return 3
    if at.last[one] or at.last[other]:
        return 2
    return int(max(abs(a - b) for a, b in zip(at.mv[one], at.mv[other], strict=True)) >= 4)


def _edge(lines: Ints, strength: int, step: int) -> None:
    """lines (3, 8, 6): a view of the pixels across an edge."""
    if strength == 0:
        return
    limit = (16 * (0, 3, 5, 8)[strength] * step + 3200) // 6400
    alpha, beta = 16 * 110 * step // 6400, 16 * 35 * step // 6400
    p2, p1, p0, q0, q1, q2 = np.moveaxis(lines.copy(), -1, 0)
    wanted = (abs(p0 - q0) < alpha) & (abs(p1 - p0) < beta) & (abs(q1 - q0) < beta)
    flat_p, flat_q = abs(p2 - p0) < beta, abs(q2 - q0) < beta
    t = limit + (flat_p.astype(int) + flat_q) * (limit >> 1)
    d = np.clip((4 * (q0 - p0) + p1 - q1 + 4) >> 3, -t, t)
    middle = (p0 + q0 + 1) >> 1
    for index, where, value in (
        (1, wanted & flat_p, p1 + np.clip((p2 + middle - 2 * p1) >> 1, -limit, limit)),
        (2, wanted, np.clip(p0 + d, 0, 4080)),
        (3, wanted, np.clip(q0 - d, 0, 4080)),
        (4, wanted & flat_q, q1 + np.clip((q2 + middle - 2 * q1) >> 1, -limit, limit)),
    ):
        lines[..., index] = np.where(where, value, lines[..., index])


def loop_filter(frame: Ints, at: Leaves, step: int, weights: NDArray[Any]) -> Ints:
    """The filtered frame."""
    _, height, width = frame.shape
    result, padded = frame.copy(), np.pad(frame, ((0, 0), (3, 3), (3, 3)), mode="edge")
    sigma = max(1, step >> 2)
    small = max(1, sigma >> 2)
    for r in range(height // 8):
        for c in range(width // 8):
            if at.last[r, c] == 0:
                continue
            near = padded[:, 8 * r : 8 * r + 14, 8 * c : 8 * c + 14]
            v, total = near[:, 3:11, 3:11], 1 << 11
            loop = weights[_class(near[1], at.mode[r, c], at.last[r, c], sigma)].astype(np.int64)
            for k in range(16):
                (dy, dx), m = PAIRS[k % 12], sigma if k < 12 else small
                for y, x in ((dy, dx), (-dy, -dx)):
                    shifted = near[:, 3 + y : 11 + y, 3 + x : 11 + x]
                    total = total + loop[k] * np.clip(shifted - v, -m, m)
            filtered = v + (np.asarray(total) >> 12)
            result[:, 8 * r : 8 * r + 8, 8 * c : 8 * c + 8] = filtered.clip(0, 4080)
    return result


def _class(green: Ints, mode: int, last: int, sigma: int) -> int:
    v = 2 * green[3:11, 3:11]
    ah = int(abs(v - green[3:11, 2:10] - green[3:11, 4:12]).sum())
    av = int(abs(v - green[2:10, 3:11] - green[4:12, 3:11]).sum())
    direction = 1 if ah > 2 * av else 2 if av > 2 * ah else 0
    level = 16 * (ah + av) // (64 * sigma)
    activity = sum(level > one for one in (2, 5, 10, 20))
    kind = 0 if mode == INTRA else 1 if last <= 5 else 2
    return 5 * (3 * kind + direction) + activity
