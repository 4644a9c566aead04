"""The tables that the adaptive coder begins with, fitted to clips."""

from pathlib import Path

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.codec.adaptive.bases import bases_of
from imfn_cli.codec.adaptive.effort import effort_of
from imfn_cli.codec.adaptive.fitting import FilterSums, fit_adaptive_tables
from imfn_cli.codec.adaptive.gop_encoder import GopEncoder, capacity_of
from imfn_cli.codec.adaptive.gop_state import GopState
from imfn_cli.codec.adaptive.kernels.loop_filter import TAPS, WEIGHT_BITS
from imfn_cli.codec.adaptive.tables import TABLES, Tables, load_tables
from tests.conftest import make_clip

pytestmark = pytest.mark.xdist_group("adaptive")


def coded_size(clip: np.ndarray, model: imfn.Model, tables: Tables) -> int:
    """Bytes of a clip as one GOP."""
    count, height, width, _ = clip.shape
    size = capacity_of(count, height, width)
    state = GopState((height, width), 3, 50, bases_of(model, 3), capacity=size, tables=tables)
    encoder = GopEncoder(state, effort_of())
    return len(encoder.first(clip[:1])) + sum(len(data) for _, data in encoder.trees(clip, 3))


def test_fitted_tables_make_clips_smaller(tiny_model: imfn.Model, tmp_path: Path) -> None:
    clips, told = [make_clip(9), make_clip(9)[::-1].copy()], []
    fit_adaptive_tables(clips, tiny_model, tmp_path / "t.npz", lambda *numbers: told.append(numbers))
    assert told == [(done, 8) for done in range(1, 9)]
    tables = load_tables(tmp_path / "t.npz")
    for name, shipped in TABLES._asdict().items():
        fitted = getattr(tables, name)
        assert (fitted.shape, fitted.dtype) == (shipped.shape, shipped.dtype)
    assert tables.n.max() <= 16
    nothing = tables._replace(p=np.full_like(tables.p, 32768), n=np.zeros_like(tables.n))
    assert coded_size(clips[0], tiny_model, tables) < coded_size(clips[0], tiny_model, nothing)


def test_channels_before_come_later_in_number(tiny_model: imfn.Model, tmp_path: Path) -> None:
    # Symbols are coded from the last channel down, so that only higher ones are known.
    fit_adaptive_tables([make_clip(3)], tiny_model, tmp_path / "t.npz")
    near = load_tables(tmp_path / "t.npz").near
    channels = np.arange(len(near))[:, None]
    assert ((near == -1) | (near > channels)).all()


def test_weights_are_least_squares() -> None:
    rng = np.random.default_rng(0)
    taps, wanted = rng.normal(size=(500, TAPS)), rng.uniform(-0.2, 0.2, TAPS)
    sums = FilterSums()
    sums.a[3], sums.b[3] = taps.T @ taps, taps.T @ (taps @ wanted)
    weights = sums.weights()
    assert np.abs(weights[3] / (1 << WEIGHT_BITS) - wanted).max() < 1e-3
    assert not weights[[0, 1, 2, 4]].any()
