"""`imfn.data.LatentDataset`: every window by number, as the latent itself gives it."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import imfn
from imfn.data import LatentDataset
from imfn_cli.bitstream.container.node import NodeEntry
from imfn_cli.codec import Decoder
from imfn_cli.codec.decoder import ParsedNode


@pytest.mark.parametrize(("frames", "stride"), [(8, None), (8, 3), (1, 1), (22, 1), (5, 40)])
def test_every_window(latents: list[Path], tiny_model: imfn.Model, frames: int, stride: int | None) -> None:
    windows = LatentDataset(latents, frames, stride, model=tiny_model)
    wanted = [
        (str(path), start)
        for path, count in zip(latents, (39, 22), strict=True)
        for start in range(0, count - frames + 1, stride or frames)
    ]
    assert [tuple(windows.place(index)) for index in range(len(windows))] == wanted
    for index in {0, len(windows) // 2, len(windows) - 1}:
        path, start = wanted[index]
        window = windows[index]
        assert (window.dtype, window.shape) == (torch.uint8, (frames, 3, 48, 64))
        pixels = imfn.open(path, model=tiny_model)[start : start + frames]
        np.testing.assert_array_equal(window.permute(0, 2, 3, 1).numpy(), pixels)
    assert torch.equal(windows[-1], windows[len(windows) - 1])
    for beyond in (len(windows), -len(windows) - 1):
        with pytest.raises(IndexError):
            windows[beyond]


def test_windows_in_groups(in_gops: Path, tiny_model: imfn.Model) -> None:
    windows = LatentDataset(in_gops, 8, 5, model=tiny_model)
    latent = imfn.open(in_gops, model=tiny_model)
    for index in (5, 0, 3):
        pixels = latent[5 * index : 5 * index + 8]
        np.testing.assert_array_equal(windows[index].permute(0, 2, 3, 1).numpy(), pixels)


@pytest.mark.parametrize("name", ["latents", "in_gops"])
def test_memories(request: pytest.FixtureRequest, tiny_model: imfn.Model, name: str) -> None:
    paths = request.getfixturevalue(name)
    windows = LatentDataset(paths, 8, 4, "memories", model=tiny_model)
    # 36 frames in whole memories, and 20.
    assert len(windows) == (8 + 4 if name == "latents" else 8)
    window = windows[3]
    assert (window.dtype, window.shape) == (torch.float32, (2, 192, 6, 8))
    path = paths[0] if name == "latents" else paths
    held = list(imfn.open(path, model=tiny_model).memories(12, 20))
    assert torch.equal(window, torch.stack([memory.values for memory in held]))


def test_memories_restore_nothing(
    latents: list[Path], tiny_model: imfn.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("restored")

    monkeypatch.setattr("imfn_cli.codec.decoder.whole_pictures", refused)
    windows = LatentDataset(latents, 8, what="memories", model=tiny_model)
    assert len([windows[index] for index in range(len(windows))]) == 6
    with pytest.raises(AssertionError, match="restored"):
        LatentDataset(latents, 8, model=tiny_model)[0]


def test_a_window_decodes_its_own_nodes_alone(
    latents: list[Path], tiny_model: imfn.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = []
    parse = Decoder.parse

    def noted(self: Decoder, node: NodeEntry) -> ParsedNode | None:
        parsed.append(node.index)
        return parse(self, node)

    monkeypatch.setattr(Decoder, "parse", noted)
    windows = LatentDataset(latents, 8, 1, model=tiny_model)
    windows[12]
    assert parsed == [3, 4]
    parsed.clear()
    windows[13]
    assert parsed == [3, 4, 5]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers(latents: list[Path], tiny_model_dir: Path, method: str) -> None:
    windows = LatentDataset(latents, 8, model=str(tiny_model_dir))
    loader = DataLoader(windows, batch_size=2, num_workers=2, multiprocessing_context=method)
    batches = torch.cat(list(loader))
    assert batches.shape == (6, 8, 3, 48, 64)
    assert torch.equal(batches, torch.stack([windows[index] for index in range(6)]))


@pytest.mark.parametrize("name", ["latents", "in_gops"])
@pytest.mark.parametrize("what", ["frames", "memories"])
def test_threads(request: pytest.FixtureRequest, tiny_model: imfn.Model, name: str, what: Any) -> None:
    paths = request.getfixturevalue(name)
    alone = LatentDataset(paths, 8, what=what, model=tiny_model)
    windows = LatentDataset(paths, 8, what=what, model=tiny_model, threads=3, open_files=1, cache_bytes=1)
    order = [0, 3, 1, 2, 0, 3, 3, 1] * 4
    wanted = [alone[index] for index in order]
    for _ in range(3):
        assert all(map(torch.equal, windows.__getitems__(order), wanted))
    loader = DataLoader(windows, batch_size=4, sampler=order)
    assert torch.equal(torch.cat(list(loader)), torch.stack(wanted))
    # What fails in a thread fails here.
    with pytest.raises(IndexError):
        windows.__getitems__([0, 99])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_threads_of_workers(latents: list[Path], tiny_model_dir: Path, method: str) -> None:
    windows = LatentDataset(latents, 8, model=str(tiny_model_dir), threads=2)
    wanted = torch.stack(windows.__getitems__(list(range(6))))
    loader = DataLoader(windows, batch_size=3, num_workers=1, multiprocessing_context=method)
    assert torch.equal(torch.cat(list(loader)), wanted)


def test_open_files_are_few(latents: list[Path], tiny_model: imfn.Model) -> None:
    windows = LatentDataset(latents, 8, model=tiny_model, open_files=1)
    first = [windows[index].clone() for index in range(len(windows))]
    again = [windows[index] for index in range(len(windows))]
    assert len(windows._windows._latents._open) == 1
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


def test_restored_frames_are_kept_within(in_gops: Path, tiny_model: imfn.Model) -> None:
    frame = 48 * 64 * 3
    windows = LatentDataset(in_gops, 4, 4, model=tiny_model, cache_bytes=20 * frame)
    for index in range(len(windows)):
        windows[index]
        assert windows._windows._latents[str(in_gops)].cached_bytes <= 20 * frame


def test_pickled_it_holds_no_frames(in_gops: Path, tiny_model_dir: Path) -> None:
    windows = LatentDataset(in_gops, 4, 4, model=str(tiny_model_dir))
    fresh = len(pickle.dumps(windows))
    window = windows[2]
    assert len(pickle.dumps(windows)) == fresh
    assert torch.equal(pickle.loads(pickle.dumps(windows))[2], window)


@pytest.mark.parametrize("frames", [4, 8])
def test_float16_is_close(latents: list[Path], tiny_model: imfn.Model, frames: int) -> None:
    exact = LatentDataset(latents, frames, what="memories", model=tiny_model)[1]
    close = LatentDataset(latents, frames, what="memories", model=tiny_model, precision="float16")[1]
    assert (exact.dtype, close.dtype) == (torch.float32, torch.float16)
    assert exact.shape == close.shape
    assert torch.equal(close, exact.half())


def test_transform(latents: list[Path], tiny_model: imfn.Model) -> None:
    windows = LatentDataset(latents, 8, model=tiny_model, transform=lambda window: window.float() / 255)
    assert windows[0].dtype == torch.float32
    assert windows[0].max() <= 1


def test_what_it_refuses(
    latents: list[Path], clip_frames: np.ndarray, tiny_model: imfn.Model, tmp_path: Path
) -> None:
    adaptive = tmp_path / "auto.safetensors"
    imfn.compress(clip_frames[:9], adaptive, model=tiny_model)
    assert len(LatentDataset(adaptive, 4, model=tiny_model)) == 2
    with pytest.raises(imfn.LatentError, match=r"auto\.safetensors: an adaptive forest .* -r 16"):
        LatentDataset(adaptive, 4, what="memories")
    with pytest.raises(imfn.LatentError, match="memories hold 4 frames; stride is 6"):
        LatentDataset(latents, 8, 6, "memories")
    with pytest.raises(imfn.InputError, match="no latent here has a window of 40 frames"):
        LatentDataset(latents, 40)
    with pytest.raises(imfn.InputError, match="no latents"):
        LatentDataset([])
    with pytest.raises(imfn.LatentError, match="no such file"):
        LatentDataset(tmp_path / "none.safetensors")
    for wrong in (
        {"what": "leaves"},
        {"frames": 0},
        {"stride": 0},
        {"precision": "float16"},
        {"precision": "bfloat16", "what": "memories"},
        {"threads": 0},
        {"open_files": 0},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            LatentDataset(latents, **wrong)


def test_latents_elsewhere(latents: list[Path], tiny_model: imfn.Model) -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for path in latents:
        memory.pipe_file(f"/windows/{path.name}", path.read_bytes())
    there = LatentDataset([f"memory://windows/{path.name}" for path in latents], 8, model=tiny_model)
    here = LatentDataset(latents, 8, model=tiny_model)
    assert len(there) == len(here)
    assert torch.equal(there[5], here[5])
    assert there.place(5) == ("memory://windows/short.safetensors", 8)
