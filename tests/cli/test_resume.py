"""--resume: after real kills, over several inputs, and what it says."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_clip
from tests.kills import Kind, kill_runs, kinds_of

from .conftest import Ran

Cli = Callable[..., Ran]


@pytest.mark.parametrize("kind", kinds_of(["compress", "decompress to .npy"]), ids=lambda kind: kind.name)
def test_killed_at_random(kind: Kind, cli: Cli, tmp_path: Path) -> None:
    """`python -m tests.kills` does this fifty times, and for every format."""
    source = tmp_path / "clip.npy"
    np.save(source, make_clip(150))
    if kind.command == "decompress":
        assert cli("compress", source, "-r", "4").code == 0
        source = tmp_path / "clip.safetensors"
    (folder := tmp_path / "runs").mkdir()
    tally = kill_runs(kind, source, 2, random.Random(5), folder)
    assert tally.runs == 2
    assert tally.wrong == []


def test_what_is_whole_stays_and_what_is_half_is_gone_on_with(
    cli: Cli, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in "abc":
        np.save(tmp_path / f"{name}.npy", make_clip(20))
    words = ["-o", f"{tmp_path}/latents/", "-m", tiny_model_dir, "-r", "4", "-g", "8", "--resume"]
    assert cli("compress", tmp_path / "a.npy", *words).code == 0
    with monkeypatch.context() as patch:
        patch.setattr("imfn_cli.codec.encoder.finish_latent", _fails)
        assert cli("compress", tmp_path / "b.npy", *words).code == 1
    ran = cli("compress", tmp_path, *words)
    assert ran.code == 0
    assert "b.npy: went on after frame 15" in ran.err
    assert "3 inputs: 2 done, 1 were there already" in ran.err
    assert sorted(path.name for path in (tmp_path / "latents").glob("*.safetensors")) == [
        f"{name}.safetensors" for name in "abc"
    ]


def _fails(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_json_says_how_much_was_done(cli: Cli, clip: Path, tiny_model_dir: Path) -> None:
    (report,) = cli("compress", clip, "-m", tiny_model_dir, "-r", "4", "--resume", "--json").json
    assert report["resumed"] == 0
    (report,) = cli("decompress", clip.with_suffix(".safetensors"), "-m", tiny_model_dir, "--json").json
    assert report["resumed"] == 0


def test_standard_output_cannot_be_gone_on_with(cli: Cli, clip: Path) -> None:
    ran = cli("compress", clip, "-o", "-", "--resume")
    assert ran.code == 1
    assert "stdout" in ran.line
