from dataclasses import replace

import numpy as np
import pytest
import torch

from imfn_cli.media import Source, expand_inputs
from imfn_cli.network import IMFN, IMFNConfig
from imfn_cli.training.samples import CLIP_SAMPLE, sample_memories
from tests.conftest import silent


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> list[Source]:
    """Forty frames whose brightness is their number, 6×4."""
    path = tmp_path_factory.mktemp("counted") / "clip.npy"
    np.save(path, np.arange(40, dtype=np.uint8)[:, None, None].repeat(6, 1).repeat(4, 2))
    return expand_inputs([str(path)])


@pytest.fixture(scope="module")
def pixel() -> IMFN:
    """Every pixel is a memory; a level above is the mean of two, times √2."""
    network = IMFN(IMFNConfig(1, 1, 1, 1, 1)).requires_grad_(False)
    network.sweeper(1).map.fit(torch.full((1, 2), 0.5**0.5), torch.zeros(2))
    return network


def test_every_memory_is_as_likely(counted: list[Source], pixel: IMFN) -> None:
    sample = replace(CLIP_SAMPLE, memories=10)
    hits = np.zeros(40)
    for seed in range(150):
        kept = sample_memories(pixel, counted, sample, seed=seed, progress=silent)[0]
        numbers = [round(255 * float(memory.max())) for memory in kept]
        assert len(set(numbers)) == len(numbers) == 10
        hits[numbers] += 1
    # Each 150 / 4 times on average, with a standard deviation of 5.3.
    assert hits.min() > 15
    assert hits.max() < 60


def test_samples_are_repeatable_and_cut(counted: list[Source], pixel: IMFN) -> None:
    sample = replace(CLIP_SAMPLE, side=5)
    first, second = (sample_memories(pixel, counted, sample, seed=3, progress=silent) for _ in range(2))
    assert [len(first[level]) for level in (0, 1)] == [40, 20]
    for level in (0, 1):
        for one, other in zip(first[level], second[level], strict=True):
            assert one.shape == (1, 5, 4)
            assert one.dtype == np.float32
            np.testing.assert_array_equal(one, other)
    torch.testing.assert_close(
        torch.from_numpy(np.stack(first[1]))[:, 0, 0, 0] * 255, (torch.arange(20) * 4 + 1) * 0.5**0.5
    )
