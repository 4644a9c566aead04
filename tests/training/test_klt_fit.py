import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imfn_cli.errors import InputError
from imfn_cli.media import Source, expand_inputs
from imfn_cli.network import IMFN, IMFNConfig
from imfn_cli.training import klt_fit as linear
from imfn_cli.training.data import batches
from imfn_cli.training.klt_fit import Climb, Fit, fit_linear, sample_memories
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


# -- climbing --------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 30), cuts=st.lists(st.integers(1, 29), max_size=8), level=st.integers(0, 3))
def test_climbing_in_any_steps_is_compressing(
    tiny_model: Model, clip_frames: np.ndarray, count: int, cuts: list[int], level: int
) -> None:
    network = tiny_model.network
    frames = torch.from_numpy(clip_frames[:count, :8, :8]).permute(0, 3, 1, 2) / 255
    climb = Climb(network, level)
    edges = [0, *sorted(cut for cut in set(cuts) if cut < count), count]
    made = [climb(frames[low:high]) for low, high in itertools.pairwise(edges)]
    for one in range(level + 1):
        found = torch.cat([memories[one] for memories in made])
        wanted = network.compress(frames[: count >> one << one], 1 << one)
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


# -- fitting ---------------------------------------------------------------------------------------------


def test_the_same_data_gives_the_same_model(fit: Fit, sources: list[Source]) -> None:
    again = fit_linear(sources, CONFIG, progress=silent)
    for one, other in zip(
        fit.network.state_dict().values(), again.network.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)
    for name, array in fit.entropy.tensors.items():
        np.testing.assert_array_equal(array, again.entropy.tensors[name])
    assert (fit.clips, fit.frames) == (3, 25)


def test_batches_do_not_matter(fit: Fit, sources: list[Source], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imfn_cli.training.data._BATCH_PIXELS", 3 * 24 * 20)
    monkeypatch.setattr(linear, "fit_entropy", lambda *_: fit.entropy)
    parts = fit_linear(sources, CONFIG, progress=silent).network
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


def test_short_clips_are_named_by_what_is_missing(sources: list[Source]) -> None:
    with pytest.raises(InputError, match="no clip has 16 frames, which level 4 needs"):
        fit_linear(sources, IMFNConfig(4, 4, 1, 8, 4), progress=silent)


def test_progress_is_told(fit: Fit, sources: list[Source], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "fit_entropy", lambda *_: fit.entropy)
    told: list[tuple[str, int, int]] = []
    fit_linear(sources, CONFIG, progress=lambda *event: told.append(event))
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages[:3] == ["leaf transform", "sweeper 1 of 2", "sweeper 2 of 2"]
    assert all(0 <= index < total for _, index, total in told)


# -- sampling --------------------------------------------------------------------------------------------


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


def test_every_memory_is_as_likely(
    counted: list[Source], pixel: IMFN, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "_MAX_SAMPLES", 10)
    hits = np.zeros(40)
    for seed in range(150):
        kept = sample_memories(pixel, counted, seed=seed, progress=silent)[0]
        numbers = [round(255 * float(memory.max())) for memory in kept]
        assert len(set(numbers)) == len(numbers) == 10
        hits[numbers] += 1
    # Each 150 / 4 times on average, with a standard deviation of 5.3.
    assert hits.min() > 15
    assert hits.max() < 60


def test_samples_are_repeatable_and_cut(
    counted: list[Source], pixel: IMFN, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "_SAMPLE_GRID", 5)
    first, second = (sample_memories(pixel, counted, seed=3, progress=silent) for _ in range(2))
    assert [len(first[level]) for level in (0, 1)] == [40, 20]
    for level in (0, 1):
        for one, other in zip(first[level], second[level], strict=True):
            assert one.shape == (1, 5, 4)
            assert one.dtype == np.float32
            np.testing.assert_array_equal(one, other)
    torch.testing.assert_close(
        torch.from_numpy(np.stack(first[1]))[:, 0, 0, 0] * 255, (torch.arange(20) * 4 + 1) * 0.5**0.5
    )
