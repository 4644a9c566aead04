"""Bases of models that are far from orthonormal, and sums that are as large as they can be."""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from numba import njit

import imfn_cli as imfn
from imfn_cli.codec.adaptive.bases import BASIS_BITS, bases_of
from imfn_cli.codec.adaptive.kernels.dequantise import restore_residual
from imfn_cli.errors import ModelError
from imfn_cli.zoo import save
from tests.conftest import make_clip

pytestmark = pytest.mark.xdist_group("adaptive")


@njit
def _restore(q, step, basis, acc, narrow):  # type: ignore[no-untyped-def]
    """What only kernels can call."""
    restore_residual(q, 191, step, basis, acc, narrow)


def with_number(model: imfn.Model, map_of: str, value: float) -> imfn.Model:
    """The model with one number of a map changed."""
    network = copy.deepcopy(model.network)
    module = network.leaf if map_of == "leaf" else network.sweeper(int(map_of))
    with torch.no_grad():
        module.map.weight[3, 5] = value
    return dataclasses.replace(model, network=network)


@pytest.mark.parametrize("map_of", ["leaf", "1", "3"])
@pytest.mark.parametrize("value", [2.1, -4.0, 1e9, 1e30, float("inf"), float("nan")])
def test_numbers_that_no_orthonormal_map_has_are_refused(
    tiny_model: imfn.Model, map_of: str, value: float
) -> None:
    with pytest.raises(ModelError, match="not those of an orthonormal transform"):
        bases_of(with_number(tiny_model, map_of, value), 3)


def test_products_are_looked_at_too(tiny_model: imfn.Model) -> None:
    network = copy.deepcopy(tiny_model.network)
    with torch.no_grad():
        # Each of its numbers is below the limit, those of its product with the leaf's are not.
        network.sweeper(1).map.weight.copy_(1.9 * network.leaf.map.weight.sign().repeat(1, 2).roll(7, 0))
        network.leaf.map.weight.copy_(network.leaf.map.weight.sign())
    model = dataclasses.replace(tiny_model, network=network)
    with pytest.raises(ModelError, match="choose a ratio with -r"):
        bases_of(model, 3)


def test_a_crafted_model_neither_encodes_nor_decodes(tiny_model: imfn.Model, tmp_path: Path) -> None:
    folder = tmp_path / "crafted"
    folder.mkdir()
    crafted = with_number(tiny_model, "2", 5.0)
    save(folder, crafted.network, crafted.entropy, {"name": "crafted", "kind": "linear"})
    with pytest.raises(ModelError, match="crafted"):
        imfn.compress(make_clip(9), tmp_path / "x.safetensors", model=folder, ratio="auto")
    assert not (tmp_path / "x.safetensors").exists()


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("steps", [(1, 65_535), (5, 13_107), (64, 1024), (21_845, 3)])
def test_both_ways_give_the_same_at_the_largest_numbers(steps: tuple[int, int], sign: int) -> None:
    step, symbol = steps
    basis = np.full((192, 192), sign * (2 << BASIS_BITS), np.int32)
    q = np.zeros(192, np.int32)
    for total in (65_535, 65_536):
        # Below 2^16 the sum is made in 32 bits, from there on in 64.
        q[:] = 0
        q[0] = symbol if total >= symbol * step else 0
        q[1] = (total - int(q[0]) * step) // step
        acc, narrow = np.zeros(192, np.int64), np.zeros(192, np.int32)
        _restore(q, step, basis, acc, narrow)
        assert acc.tolist() == [int((q.astype(np.int64) * step).sum()) * int(basis[0, 0])] * 192
