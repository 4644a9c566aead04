"""Frames beside those of the source, lost frames named exactly, latents decoded before they appear."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.bitstream.container.latent_writer import LatentWriter
from imfn_cli.bitstream.open import open_latent
from imfn_cli.media import open_sequence
from imfn_cli.media.psnr import psnr

from .conftest import digests
from .running import Ran
from .test_decompress import damage

Cli = Callable[..., Ran]


@pytest.fixture
def source(clip_frames: np.ndarray, tmp_path: Path) -> Path:
    """The frames that `latent` was made of."""
    path = tmp_path / "source.npy"
    np.save(path, clip_frames[:13])
    return path


class TestSource:
    def test_psnr_and_the_worst_frame(
        self, cli: Cli, latent: Path, source: Path, tiny_model: imfn.Model, clip_frames: np.ndarray
    ) -> None:
        changed = clip_frames[:13].copy()
        changed[9, :20] += 7
        np.save(source, changed)
        restored = list(imfn.read_frames(latent, model=tiny_model))
        expected = [psnr(one, other) for one, other in zip(changed, restored, strict=True)]
        words = ("verify", latent, "--source", source, "-m", tiny_model.path)
        (report,) = cli(*words, "--json").json
        compared = report["compared"]
        assert compared["psnr"] == pytest.approx(np.mean(expected))
        assert (compared["frames"], compared["worst_frame"]) == (13, 9)
        assert compared["worst_psnr"] == pytest.approx(min(expected))
        ran = cli(*words)
        assert ran.code == 0
        assert f"PSNR {np.mean(expected):.2f} dB over 13 frames, the worst is frame 9" in ran.out

    def test_a_part_of_a_source(self, source: Path, tiny_model: imfn.Model, tmp_path: Path) -> None:
        latent = tmp_path / "part.safetensors"
        imfn.compress(source, latent, model=tiny_model, ratio=4, frames=(3, 11))
        report = imfn.verify(latent, tiny_model, source=source, frames=(3, 11))
        assert report.compared is not None
        assert (report.compared.frames, report.ok) == (8, True)
        with pytest.raises(imfn.InputError, match="has more than the 8 frames"):
            imfn.verify(latent, tiny_model, source=source)
        with pytest.raises(imfn.InputError, match=r"has 5 frames, .* 8"):
            imfn.verify(latent, tiny_model, source=source, frames=(3, 8))

    def test_another_size(self, latent: Path, tiny_model: imfn.Model, clip_frames: np.ndarray) -> None:
        with pytest.raises(imfn.InputError, match=r"frames of 64x40x3, those of .* are 64x48x3"):
            imfn.verify(latent, tiny_model, source=clip_frames[:13, :40])

    def test_damaged_frames_are_left_out(
        self, cli: Cli, latent: Path, source: Path, tiny_model: imfn.Model
    ) -> None:
        damage(latent, 1)
        words = ("verify", latent, "--source", source, "-m", tiny_model.path)
        (report,) = cli(*words, "--json").json
        assert report["compared"]["frames"] == 9
        assert report["lost"] == [[4, 7]]
        assert report["ok"] is False
        for node in (0, 2, 3):
            damage(latent, node)
        ran = cli(*words)
        assert ran.code == 1
        assert "no frame could be compared" in ran.out

    def test_what_cannot_be_compared(self, cli: Cli, latent: Path, source: Path) -> None:
        ran = cli("verify", latent, "--source", source)
        assert ran.code == 1
        assert "no frame can be compared" in ran.line
        assert cli("verify", latent, latent, "--source", source).code == 2
        assert cli("verify", latent, "--frames", "0:3").code == 2
        ran = cli("verify", latent, "--source", source.with_name("none.mp4"), "-m", "video-linear")
        assert ran.code == 1


@pytest.mark.parametrize(("node", "lost"), [(0, [[0, 15]]), (2, [[8, 15]]), (5, [[20, 31]]), (9, [[36, 39]])])
def test_a_damaged_gop_loses_its_own_frames_and_no_other(
    cli: Cli, tmp_path: Path, clip_path: Path, tiny_model: imfn.Model, node: int, lost: list[list[int]]
) -> None:
    latent = tmp_path / "gops.safetensors"
    imfn.compress(clip_path, latent, model=tiny_model, ratio=4, gop=16)
    whole = list(imfn.read_frames(latent, model=tiny_model))
    damage(latent, node)
    for words in ((), ("-m", str(tiny_model.path))):
        (report,) = cli("verify", latent, *words, "--json").json
        assert report["lost"] == lost
        ran = cli("verify", latent, *words)
        (low, high) = lost[0]
        assert f"  lost: frames {low} to {high}\n" in ran.out
    output = tmp_path / "restored.mkv"
    imfn.decompress(latent, output, model=tiny_model, skip_damaged=True)
    restored = list(open_sequence(output))
    # Every frame keeps its time, and those that are not lost their pixels.
    assert [frame.time for frame in restored] == [frame.time for frame in open_sequence(clip_path)]
    for number, (before, after) in enumerate(zip(whole, restored, strict=True)):
        if not low <= number <= high:
            assert np.array_equal(before, after.pixels)


class TestCompress:
    def test_it_is_decoded_before_it_appears(self, cli: Cli, clip: Path, tiny_model_dir: Path) -> None:
        words = ("compress", clip, "-m", tiny_model_dir, "-r", 4, "--json")
        (report,) = cli(*words, "--verify").json
        latent = clip.with_suffix(".safetensors")
        assert report["verified"] is True
        assert report["output"] == str(latent)
        verified = latent.read_bytes()
        (report,) = cli(*words, "--force").json
        assert report["verified"] is False
        assert latent.read_bytes() == verified

    @pytest.mark.parametrize("exists", [False, True])
    def test_what_does_not_decode_is_not_kept(
        self, cli: Cli, clip: Path, tiny_model_dir: Path, exists: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add = LatentWriter.add

        def faulty(self: LatentWriter, extent: int, data: bytes, *more: Any) -> None:
            add(self, extent, data[:-4] if self.node_count == 1 else data, *more)

        monkeypatch.setattr(LatentWriter, "add", faulty)
        latent = clip.with_suffix(".safetensors")
        if exists:
            latent.write_text("precious")
        before = digests(clip.parent)
        ran = cli("compress", clip, "-m", tiny_model_dir, "-r", 4, "--gop", 0, "--verify", "--force")
        assert ran.code == 1
        assert ran.line.startswith(f"{latent}: node 1 (frames 4 to 7) is damaged (")
        assert "as it was just written; nothing was kept" in ran.line
        assert digests(clip.parent) == before

    def test_not_with_resume(self, cli: Cli, clip: Path, tiny_model: imfn.Model, tmp_path: Path) -> None:
        ran = cli("compress", clip, "--verify", "--resume")
        assert ran.code == 2
        assert ran.line.endswith("--verify and --resume exclude one another")
        with pytest.raises(ValueError, match="exclude one another"):
            imfn.compress(clip, tmp_path / "x", model=tiny_model, verify=True, resume=True)
        assert not clip.with_suffix(".safetensors").exists()

    def test_to_a_target(self, tiny_model: imfn.Model, clip_frames: np.ndarray, tmp_path: Path) -> None:
        report = imfn.compress(
            clip_frames[:8],
            tmp_path / "x.safetensors",
            model=tiny_model,
            ratio=4,
            target_psnr=28,
            verify=True,
        )
        assert report.verified
        assert report.target is not None
        assert open_latent(tmp_path / "x.safetensors").header.frames == 8
        assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]
