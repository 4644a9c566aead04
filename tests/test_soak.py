"""Ten seconds of `python -m tests.soak`, and whether it would see memory that grows."""

from pathlib import Path

import pytest

import imfn_cli as imfn

from .soak import GROWTH, fifths, soak


@pytest.mark.parametrize("how", [{"ratio": 4}, {"ratio": 4, "forget": True}])
def test_a_short_one(tiny_model: imfn.Model, tmp_path: Path, how: dict[str, object]) -> None:
    seen = soak(tmp_path / "live.safetensors", 0.08, (48, 64), every=0.2, model=tiny_model, **how)
    assert len(seen) >= 3
    assert [one["frames"] for one in seen] == sorted(one["frames"] for one in seen)
    assert (tmp_path / "live.safetensors").stat().st_size > 1000


def test_growth_is_seen() -> None:
    def lines(megabytes: list[float]) -> list[dict[str, float]]:
        return [{"seconds": 1.0 + at, "megabytes": one} for at, one in enumerate(megabytes)]

    assert fifths(lines([300.0] * 50)) == [300.0] * 5
    grown = fifths(lines([300.0 + at for at in range(50)]))
    assert grown[4] > GROWTH * grown[1]
