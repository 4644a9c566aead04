"""Channels as differences to others: where that is chosen, what it saves, and who may say so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.bitstream.exact.array_file import ArrayFile
from imfn_cli.codec.exact.channels import cheapest_plan, may_differ
from imfn_cli.codec.exact.group_bytes import decode
from imfn_cli.codec.exact.samples import SampleMap


def scene(seed: int = 0) -> np.ndarray:
    """A scene of much detail in colours that hardly change, uint8 (6, 40, 48, 3)."""
    rng = np.random.default_rng(seed)
    light = rng.integers(40, 200, (6, 40, 48, 1))
    tint = np.array([30, 0, -20]) + rng.integers(0, 2, (6, 40, 48, 3))
    return np.clip(light + tint, 0, 255).astype(np.uint8)


def test_pictures_take_a_third_of_it(tmp_path: Path) -> None:
    """Detail is coded once, not three times."""
    report = imfn.compress(scene(), tmp_path / "x.safetensors", lossless=True)
    one = imfn.compress(scene()[..., 1].copy(), tmp_path / "y.safetensors", lossless=True)
    assert report.bytes < 1.6 * one.bytes
    assert ArrayFile(tmp_path / "x.safetensors").header.differences
    assert not ArrayFile(tmp_path / "y.safetensors").header.differences
    with imfn.open_array(tmp_path / "x.safetensors") as latent:
        assert (np.asarray(latent) == scene()).all()


@pytest.mark.parametrize("max_error", [1, 5])
def test_every_sample_is_within_the_error(max_error: int, tmp_path: Path) -> None:
    imfn.compress(scene(), tmp_path / "x.safetensors", max_error=max_error)
    with imfn.open_array(tmp_path / "x.safetensors") as latent:
        assert np.abs(np.asarray(latent).astype(int) - scene()).max() <= max_error


def test_plans() -> None:
    """Of noise without relation none; of four channels of which one is even, that one is left alone."""
    rng = np.random.default_rng(2)
    assert not cheapest_plan(rng.integers(-99, 99, (3, 20, 20, 3)), 0).differs
    rgba = np.concatenate((scene(), np.full((6, 40, 48, 1), 255, np.uint8)), axis=-1).astype(np.int64)
    plan = cheapest_plan(rgba, 0)
    assert sum(one is None for one in plan.references) == 2
    assert plan.references[3] is None
    assert 3 not in plan.references


def test_where_channels_may_differ() -> None:
    assert may_differ((5, 3, 2), (-128, 127), 0)
    assert not may_differ((5, 3, 1), (-128, 127), 0)
    assert not may_differ((5, 2, 3), (-128, 127), 0)
    assert not may_differ((5, 3, 33), (-128, 127), 0)
    assert not may_differ((5, 3, 3), (-(1 << 39), (1 << 39) - 1), 1 << 40)
    assert not may_differ((5, 3, 3), (-(1 << 40), 1 << 40), 0)


def test_a_header_that_does_not_say_so(tmp_path: Path) -> None:
    """Groups with differences in a file of version 1 are damaged."""
    imfn.compress(scene(), tmp_path / "x.safetensors", lossless=True)
    latent = ArrayFile(tmp_path / "x.safetensors")
    how = SampleMap.of(latent.header)
    data = latent.read(latent.groups[0])
    assert (decode(data, (6, 40, 48, 3), how) == scene()).all()
    with pytest.raises(ValueError, match="unknown kind"):
        decode(data, (6, 40, 48, 3), replace(how, differences=False))
    for place in range(6):
        broken = bytearray(data)
        broken[2 + place] = 9
        with pytest.raises(ValueError, match="channel"):
            decode(bytes(broken), (6, 40, 48, 3), how)
