import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imfn_cli.errors import InputError
from imfn_cli.media import Source, expand_inputs
from imfn_cli.network import IMFNConfig
from imfn_cli.training.budget import Budget
from imfn_cli.training.data import batches
from imfn_cli.training.klt_fit import fit_maps
from imfn_cli.training.linear_run import Fit, fit_linear
from imfn_cli.training.samples import Sample
from imfn_cli.zoo import Model

CONFIG = IMFNConfig(4, 4, 1, 8, 2)


def silent(done: str, index: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Source]:
    """Two gray clips of 24×20 and one of 8×12, of moving waves and noise."""
    folder = tmp_path_factory.mktemp("clips")
    for seed, (count, height, width) in enumerate([(13, 20, 24), (9, 20, 24), (3, 12, 8)]):
        random = np.random.default_rng(seed)
        y, x = np.mgrid[:height, :width]
        t = np.arange(count)[:, None, None]
        clip = 120 + 70 * np.sin(x / 3 + y / 5 + t / 2) + random.normal(0, 9, (count, height, width))
        np.save(folder / f"{seed}.npy", np.clip(clip, 0, 255).astype(np.uint8))
    return expand_inputs([str(folder)])


@pytest.fixture(scope="module")
def fit(sources: list[Source]) -> Fit:
    """A model fitted to them."""
    return fit_linear(sources, CONFIG, progress=silent)


def test_the_same_data_gives_the_same_model(fit: Fit, sources: list[Source]) -> None:
    again = fit_linear(sources, CONFIG, progress=silent)
    for one, other in zip(
        fit.network.state_dict().values(), again.network.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)
    for name, array in fit.entropy.tensors.items():
        np.testing.assert_array_equal(array, again.entropy.tensors[name])
    assert (fit.clips, fit.frames) == (3, 25)


def test_batches_do_not_matter(fit: Fit, sources: list[Source]) -> None:
    parts = fit_maps(sources, CONFIG, batch_pixels=3 * 24 * 20, progress=silent)[0]
    frames = torch.rand(4, 1, 20, 24, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(parts.compress(frames, 4), fit.network.compress(frames, 4), atol=1e-3, rtol=0)


def test_residuals_are_what_each_merge_loses(fit: Fit, sources: list[Source]) -> None:
    assert len(fit.residuals) == 3
    lost, values = [0.0, 0.0, 0.0], [0, 0, 0]
    for source in sources:
        frames = torch.cat(list(batches(source, CONFIG)))
        leaf = fit.network.leaf
        patches = leaf.patches(frames)
        lost[0] += float((leaf.map.inverse(leaf.map(patches)) - patches).square().sum())
        values[0] += patches.numel()
        for level in (1, 2):
            count = len(frames) >> level - 1 << level - 1
            memories = fit.network.compress(frames[:count], 1 << level - 1)
            if len(memories) > 1:
                # All neighbouring pairs, those across two trees included.
                pair = memories[:-1], memories[1:]
                again = fit.network.split(fit.network.merge(*pair, level), level)
                lost[level] += sum(float((a - b).square().sum()) for a, b in zip(pair, again, strict=True))
                values[level] += len(pair[0]) * memories.shape[2] * memories.shape[3] * 16 * (1 << level)
    assert fit.residuals == pytest.approx([a / b for a, b in zip(lost, values, strict=True)], rel=1e-3)


def test_a_fit_beats_repeating_the_mean_frame(tiny_model: Model, clip_frames: np.ndarray) -> None:
    """On a clip that it has not seen."""
    frames = torch.from_numpy(clip_frames).permute(0, 3, 1, 2) / 255
    for ratio in (2, 4, 8):
        restored = tiny_model.restore(tiny_model.compress(frames, ratio), ratio, 48, 64)
        mean = frames.unflatten(0, (-1, ratio)).mean(dim=1).repeat_interleave(ratio, dim=0)
        assert (restored - frames).square().mean() < 0.7 * (mean - frames).square().mean()


def test_vectors_are_the_same_thing(vector_model: Model, digits_path: Path) -> None:
    frames = torch.from_numpy(np.load(digits_path)[:64, None]) / 255
    errors = []
    for ratio in (1, 2, 4, 8):
        memories = vector_model.compress(frames, ratio)
        assert memories.shape == (64 // ratio, 16, 1, 1)
        errors.append(float((vector_model.restore(memories, ratio, 28, 28) - frames).square().mean()))
    assert errors == sorted(errors)
    assert errors[-1] < float(frames.var())


def test_short_clips_lower_the_levels(sources: list[Source]) -> None:
    """The longest has 13 frames: three levels, of what an ampler fit makes of them."""
    small = Sample(100, memories=4)
    found = fit_linear(sources, IMFNConfig(4, 4, 1, 8, 6), sample=small, progress=silent)
    wanted = fit_linear(sources, IMFNConfig(4, 4, 1, 8, 3), sample=small, progress=silent)
    assert found.network.config == wanted.network.config
    assert len(found.residuals) == 4
    for name, value in wanted.network.state_dict().items():
        assert torch.equal(found.network.state_dict()[name], value)
    assert found.notes == ("no clip has 64 frames: 3 levels instead of 6, ratios up to 8:1",)
    assert wanted.notes == ()


def test_single_frames_cannot_be_merged(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros((1, 8, 8), np.uint8))
    with pytest.raises(InputError, match="no clip has two frames"):
        fit_maps(expand_inputs([str(tmp_path)]), CONFIG, progress=silent)


def test_a_fit_of_maps_goes_on_level_by_level(sources: list[Source], fit: Fit) -> None:
    class Killed(Exception):
        pass

    kept: list[dict[str, Any]] = []

    def keep(state: dict[str, Any]) -> None:
        kept.append(copy.deepcopy(state))
        if len(kept) == 2:
            raise Killed

    with pytest.raises(Killed):
        fit_maps(sources, CONFIG, keep=keep, progress=silent)
    told: list[str] = []
    maps = fit_maps(sources, CONFIG, state=kept[-1], progress=lambda stage, *_: told.append(stage))
    assert set(told) == {"sweeper 2 of 2"}
    assert (maps.frames, maps.residuals) == (fit.frames, fit.residuals)
    for name, value in fit.network.state_dict().items():
        assert torch.equal(maps.network.state_dict()[name], value)


def test_little_time_takes_a_part_of_the_data(sources: list[Source]) -> None:
    """Every level is fitted all the same."""
    budget = Budget(limit=0.0)
    maps = fit_maps(sources, CONFIG, batch_pixels=4 * 24 * 20, budget=budget, progress=silent)
    assert 2 <= maps.frames < 25
    assert len(maps.residuals) == 3


def test_progress_is_told(sources: list[Source]) -> None:
    told: list[tuple[str, int, int]] = []
    fit_linear(sources, CONFIG, sample=Sample(100, memories=4), progress=lambda *event: told.append(event))
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages[:3] == ["leaf transform", "sweeper 1 of 2", "sweeper 2 of 2"]
    assert all(0 <= index < total for _, index, total in told)
