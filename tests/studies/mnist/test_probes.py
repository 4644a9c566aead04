"""Probes on memories, and the clips whose next frame is predicted."""

import numpy as np
import pytest
import torch
from torch import Tensor

from imfn_cli.studies.mnist.compressors import digit_pca
from imfn_cli.studies.mnist.moving import moving_clips
from imfn_cli.studies.mnist.probes import ProbePlan, ProbeResult, memories_of, probe
from imfn_cli.studies.mnist.sequences import Digits
from imfn_cli.studies.vectors.compressors import PCACompressor

PLAN = ProbePlan(train=600, epochs=15, length=4, clip=4, test_clips=40)


class Blind(PCACompressor):
    """Memories that say nothing."""

    name = "blind"

    def compress(self, images: Tensor) -> Tensor:
        return torch.randn(len(images), 128, generator=torch.Generator().manual_seed(len(images)))


@pytest.fixture(scope="module")
def results(train: Digits, held_out: Digits) -> dict[tuple[str, str], ProbeResult]:
    pca = digit_pca(train, 128)
    found = probe([pca, Blind(train.components(), 128)], train, held_out, PLAN)
    return {(result.model, result.task): result for result in found}


def test_reads_digits_where_the_memory_has_them(results: dict[tuple[str, str], ProbeResult]) -> None:
    seeing, blind = results["PCA", "digit at position"], results["blind", "digit at position"]
    assert seeing.value > 0.9
    assert blind.value < 0.3
    assert len(seeing.by_position) == 4
    assert seeing.value == pytest.approx(np.mean(seeing.by_position))
    assert 0 < seeing.chance < 0.3


def test_counts_better_than_the_mean_only_with_a_memory(results: dict[tuple[str, str], ProbeResult]) -> None:
    seeing, blind = results["PCA", "count of a digit"], results["blind", "count of a digit"]
    assert seeing.value < 0.8 * seeing.chance
    assert blind.value > 0.95 * blind.chance
    assert seeing.chance == blind.chance


def test_predicts_better_than_the_mean_only_with_a_memory(
    results: dict[tuple[str, str], ProbeResult],
) -> None:
    seeing, blind = results["PCA", "next frame"], results["blind", "next frame"]
    assert seeing.value < 0.95 * seeing.chance
    assert blind.value > 0.95 * blind.chance


def test_memories_do_not_depend_on_the_batch(train: Digits) -> None:
    pca = digit_pca(train, 16)
    images, _ = train.draw(1100, 8, np.random.default_rng(0))
    assert torch.allclose(memories_of(pca, images)[-3:], pca.compress(images[-3:]), atol=1e-5)


def test_digits_move_bounce_and_stay_whole(train: Digits) -> None:
    clips = moving_clips(train, 6, 40, seed=1)
    assert clips.shape == (6, 40, 784)
    assert clips.equal(moving_clips(train, 6, 40, seed=1))
    assert not clips.equal(moving_clips(train, 6, 40, seed=2))
    assert 0 <= float(clips.min()) < float(clips.max()) <= 1
    # Always moving, and nothing leaves the frame: only where two overlap is there less light.
    assert bool(((clips[:, 1:] - clips[:, :-1]).abs().amax(-1) > 0).all())
    light = clips.sum(-1)
    assert bool((light > 0.4 * light.amax(1, keepdim=True)).all())


def test_digits_move_at_most_two_pixels_a_frame(train: Digits) -> None:
    one = Digits(torch.full((1, 784), 255, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))
    frames = moving_clips(one, 8, 30, seed=0).unflatten(-1, (28, 28)) > 0
    # Two full squares of 14×14: the bounding box of both moves no border by more than two pixels.
    for clip in frames:
        rows = [torch.nonzero(frame.any(1)).flatten()[[0, -1]] for frame in clip]
        steps = torch.stack(rows).diff(dim=0).abs()
        assert int(steps.max()) <= 2
        assert int(steps.max()) > 0 or bool(
            (torch.stack([f.any(0) for f in clip]).float().diff(dim=0) != 0).any()
        )
