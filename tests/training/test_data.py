from pathlib import Path

import numpy as np
import pytest
import torch

from imfn_cli.errors import InputError
from imfn_cli.media import Source, expand_inputs
from imfn_cli.network import IMFNConfig
from imfn_cli.training.data import batches

GRAY = IMFNConfig(4, 4, 1, 8, 2)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """23 gray frames, 6×5, each brighter than the one before."""
    frames = np.arange(23, dtype=np.uint8)[:, None, None].repeat(6, 1).repeat(5, 2) * 10
    np.save(tmp_path / "clip.npy", frames)
    return expand_inputs([str(tmp_path / "clip.npy")])[0]


@pytest.mark.parametrize(
    ("pixels", "multiple", "sizes"),
    [
        (1 << 22, 1, [23]),
        (30 * 10, 1, [10, 10, 3]),
        (30 * 10, 4, [8, 8, 7]),
        (30 * 3, 8, [8, 8, 7]),
        (1, 1, [1] * 23),
        (1, 16, [16, 7]),
        (30 * 23, 1, [23]),
    ],
)
def test_batches_are_multiples_but_the_last(
    source: Source, pixels: int, multiple: int, sizes: list[int]
) -> None:
    found = list(batches(source, GRAY, multiple=multiple, pixels=pixels))
    assert [len(batch) for batch in found] == sizes
    joined = torch.cat(found)
    assert joined.shape == (23, 1, 6, 5)
    torch.testing.assert_close(joined[:, 0, 0, 0] * 255, torch.arange(23.0) * 10)


def test_channels_are_the_models(source: Source) -> None:
    (batch,) = batches(source, IMFNConfig(4, 4, 3, 8, 2))
    assert batch.shape == (23, 3, 6, 5)
    assert torch.equal(batch[:, 0], batch[:, 2])


def test_missing_sources_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.npy"):
        list(batches(expand_inputs([str(tmp_path / "none.npy")])[0], GRAY))
