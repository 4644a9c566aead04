"""`imfn.data.RandomWindows`: seeded, shared out over workers and processes, and resumable."""

from itertools import islice
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

import imfn
from imfn.data import LatentDataset, RandomWindows

COUNT = 11


@pytest.fixture
def windows(latents: list[Path], tiny_model_dir: Path) -> RandomWindows:
    return RandomWindows(latents, 4, windows=COUNT, seed=3, model=str(tiny_model_dir))


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_seed_says_which(windows: RandomWindows, latents: list[Path], tiny_model: imfn.Model) -> None:
    first, second = list(windows), list(windows)
    assert len(first) == len(windows) == COUNT
    # The next epoch has others.
    assert not same(first, second)
    windows.set_epoch(0)
    assert same(list(windows), first)
    other = RandomWindows(latents, 4, windows=COUNT, seed=4, model=tiny_model)
    assert not same(list(other), first)
    # Each is a window of the latents.
    every = LatentDataset(latents, 4, 1, model=tiny_model)
    assert all(any(torch.equal(window, every[i]) for i in range(len(every))) for window in first[:3])


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers_share_them_out(windows: RandomWindows, workers: int) -> None:
    alone = list(windows)
    windows.set_epoch(0)
    together = list(DataLoader(windows, batch_size=None, num_workers=workers))
    assert same(together, alone)


def test_processes_share_them_out(windows: RandomWindows, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = list(windows)
    monkeypatch.setenv("WORLD_SIZE", "2")
    parts = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        windows.set_epoch(0)
        parts.append(list(windows))
        assert len(windows) == len(parts[-1])
    assert same(parts[0], alone[0::2])
    assert same(parts[1], alone[1::2])


def test_going_on(windows: RandomWindows, latents: list[Path], tiny_model_dir: Path) -> None:
    whole = list(windows) + list(windows)
    windows.set_epoch(0)
    reader = iter(windows)
    begun = list(islice(reader, 4))
    state = windows.state_dict()
    assert state == {"seed": 3, "epoch": 0, "done": 4, "readers": 1}
    other = RandomWindows(latents, 4, windows=COUNT, seed=3, model=str(tiny_model_dir))
    other.load_state_dict(state)
    assert other.state_dict() == state
    assert same(begun + list(other) + list(other), whole)


def test_a_state_of_another_run(windows: RandomWindows) -> None:
    state = windows.state_dict()
    with pytest.raises(ValueError, match="seed 4, here it is 3"):
        windows.load_state_dict(state | {"seed": 4})
    with pytest.raises(ValueError, match="readers 2, here it is 1"):
        windows.load_state_dict(state | {"readers": 2})


def test_torchdata_goes_on(windows: RandomWindows) -> None:
    torchdata = pytest.importorskip("torchdata.stateful_dataloader")
    loader = torchdata.StatefulDataLoader(windows, batch_size=2, num_workers=2)
    batches = iter(loader)
    for _ in range(2):
        next(batches)
    state = loader.state_dict()
    rest = list(batches)
    again = torchdata.StatefulDataLoader(windows, batch_size=2, num_workers=2)
    again.load_state_dict(state)
    assert same(list(again), rest)


def test_memories_begin_at_memories(latents: list[Path], tiny_model: imfn.Model) -> None:
    windows = RandomWindows(latents, 8, "memories", windows=5, model=tiny_model)
    assert {window.shape for window in windows} == {(2, 192, 6, 8)}


def test_an_epoch_is_as_long_as_the_latents(latents: list[Path], tiny_model: imfn.Model) -> None:
    # 32 + 15 places for windows of 8 frames.
    assert len(RandomWindows(latents, 8, model=tiny_model)) == 5
    with pytest.raises(ValueError, match="windows 0"):
        RandomWindows(latents, 8, windows=0)
