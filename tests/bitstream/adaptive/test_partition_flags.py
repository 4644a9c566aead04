"""Cuts of a tree into dyadic windows survive their flags, and no bytes give anything else."""

import numpy as np
import pytest

pytest.importorskip("numba")

from imfn_cli.bitstream.adaptive.binary_coder import Coder, finish, new_coder
from imfn_cli.bitstream.adaptive.partition_flags import PARTITION_CONTEXTS, PARTITION_SETS, code_partition
from tests.kernels import from_python

pytestmark = pytest.mark.xdist_group("adaptive")

ROWS, COLUMNS = 3, 4
_code_partition = from_python(code_partition)


def _random_cut(random: np.random.Generator, levels: int) -> np.ndarray:
    cut = np.zeros((1 << levels, ROWS, COLUMNS), np.int8)
    for place in np.ndindex(ROWS, COLUMNS):
        _cut_window(random, cut[(slice(None), *place)], levels)
    return cut


def _cut_window(random: np.random.Generator, window: np.ndarray, level: int) -> None:
    if level and random.random() < 0.6:
        half = len(window) // 2
        _cut_window(random, window[:half], level - 1)
        _cut_window(random, window[half:], level - 1)
    else:
        window[:] = level


def _code(coder: Coder, levels: int, cut: np.ndarray) -> None:
    for row, column in np.ndindex(ROWS, COLUMNS):
        _code_partition(coder, levels, cut, row, column)


def _is_dyadic(levels: np.ndarray) -> bool:
    start = 0
    while start < len(levels):
        level = int(levels[start])
        length = 1 << level
        window = levels[start : start + length]
        if start % length or len(window) < length or (window != level).any():
            return False
        start += length
    return True


@pytest.mark.parametrize("levels", range(7))
def test_round_trip(levels: int) -> None:
    random = np.random.default_rng(levels)
    cuts = [_random_cut(random, levels) for _ in range(4)]
    encoder = new_coder(PARTITION_CONTEXTS, PARTITION_SETS)
    for cut in cuts:
        before = cut.copy()
        _code(encoder, levels, cut)
        assert np.array_equal(cut, before)
    decoder = new_coder(PARTITION_CONTEXTS, PARTITION_SETS, data=finish(encoder))
    for cut in cuts:
        found = np.zeros_like(cut)
        _code(decoder, levels, found)
        assert np.array_equal(found, cut)


@pytest.mark.parametrize("seed", range(6))
def test_any_bytes_are_a_dyadic_cut(seed: int) -> None:
    levels = seed + 1
    data = np.random.default_rng(seed).bytes(50 * seed)
    decoder = new_coder(PARTITION_CONTEXTS, PARTITION_SETS, data=data)
    for _ in range(3):
        cut = np.zeros((1 << levels, ROWS, COLUMNS), np.int8)
        _code(decoder, levels, cut)
        for row, column in np.ndindex(ROWS, COLUMNS):
            assert _is_dyadic(cut[:, row, column])
