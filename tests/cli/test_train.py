import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import typer

import imfn_cli as imfn
from imfn_cli.bitstream.open import open_latent
from imfn_cli.cli.options import parse_duration
from imfn_cli.codec.decoder import Decoder
from tests.conftest import make_clip, make_digits, read_csv

from .conftest import Ran, environment, recipe_text


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    """A folder with two short clips."""
    folder = tmp_path / "footage"
    folder.mkdir()
    for seed in range(2):
        np.save(folder / f"clip{seed}.npy", make_clip(24, 32, 40, seed=seed))
    return folder


def write_recipe(tmp_path: Path, data: Path, **changes: object) -> Path:
    path = tmp_path / "my.toml"
    path.write_text(recipe_text(data, **changes))
    return path


def test_a_recipe_makes_a_model_that_works(
    cli: Callable[..., Ran], tmp_path: Path, footage: Path, clip_path: Path
) -> None:
    ran = cli("train", write_recipe(tmp_path, footage), "-o", tmp_path / "mine", "--device", "cpu", "--json")
    assert ran.code == 0, ran.err
    (made,) = ran.json
    assert made["kind"] == "trained"
    assert made["steps"] == 12
    assert made["data"] == {"name": f"{footage.parent.name}/footage", "clips": 2, "frames": 48}
    assert [evaluation["step"] for evaluation in made["evaluations"]] == [0, 6, 12]
    names = {path.name for path in (tmp_path / "mine").iterdir()}
    assert names == {"config.json", "model.safetensors", "README.md", "recipe.toml", "training"}
    assert [row["step"] for row in read_csv(tmp_path / "mine/training/log.csv")] == ["0", "6", "12"]

    latent = tmp_path / "clip.safetensors"
    assert cli("compress", clip_path, "-o", latent, "-m", tmp_path / "mine", "-r", "4").code == 0
    assert cli("verify", latent, "-m", tmp_path / "mine").code == 0
    back = tmp_path / "back.npy"
    assert cli("decompress", latent, "-o", back, "-m", tmp_path / "mine").code == 0
    assert np.load(back).shape == (40, 48, 64, 3)
    # The kept recipe makes a model of the same shape again.
    again = cli("train", tmp_path / "mine/recipe.toml", "-o", tmp_path / "again", "--steps", 2, "--json")
    assert again.code == 0, again.err
    networks = [
        json.loads((tmp_path / name / "config.json").read_text())["network"] for name in ("mine", "again")
    ]
    assert networks[0] == networks[1]


def test_the_file_decodes_to_what_the_memories_hold(
    cli: Callable[..., Ran], tmp_path: Path, footage: Path, clip_path: Path
) -> None:
    """Frames from a file are those of the quantised memories, split knowing their step."""
    assert cli("train", write_recipe(tmp_path, footage), "-o", tmp_path / "m", "--device", "cpu").code == 0
    model = imfn.load(str(tmp_path / "m"), device="cpu")
    generator = torch.Generator().manual_seed(0)
    # Branches that were hardly trained would hide a wrong condition.
    for name, parameter in model.network.named_parameters():
        if "split_branch.condition" in name or "split_branch.leave" in name:
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    imfn.compress(clip_path, tmp_path / "c.safetensors", model=model, ratio=4, quality=40, gop=0)
    imfn.decompress(tmp_path / "c.safetensors", tmp_path / "c.npy", model=model)
    restored = np.load(tmp_path / "c.npy")[:4].astype(int)
    reader = open_latent(tmp_path / "c.safetensors")
    parsed = Decoder(reader, model).parse(reader.nodes[0])
    assert parsed is not None
    memory = torch.from_numpy(parsed.values)[None]

    def pixels(step: float) -> np.ndarray:
        frames = model.restore(memory, 4, 48, 64, step).permute(0, 2, 3, 1)
        return (255 * frames).round().clamp(0, 255).numpy().astype(int)

    # Another batch may round the last bit the other way.
    assert np.abs(restored - pixels(2**6 / 255)).max() <= 1
    assert np.abs(restored - pixels(0)).max() > 1


def test_own_footage_adapts_a_model(cli: Callable[..., Ran], tmp_path: Path, footage: Path) -> None:
    assert cli("train", write_recipe(tmp_path, footage), "-o", tmp_path / "base", "--device", "cpu").code == 0
    ran = cli(
        *("train", footage, "-o", tmp_path / "mycam", "--from", tmp_path / "base"),
        *("--time-limit", "1s", "--device", "cpu", "--json"),
    )
    assert ran.code == 0, ran.err
    assert ran.json[0]["start"] == str(tmp_path / "base")
    assert ran.json[0]["steps"] > 0
    assert imfn.load(str(tmp_path / "mycam")).ratios == (1, 2, 4)


def test_test_data_is_measured_and_must_be_held_out(
    cli: Callable[..., Ran], tmp_path: Path, footage: Path
) -> None:
    recipe = write_recipe(tmp_path, footage / "clip0.npy")
    ran = cli(
        "train", recipe, "-o", tmp_path / "m", "--test", footage / "clip1.npy", "--json", "--device", "cpu"
    )
    assert ran.code == 0, ran.err
    results = ran.json[0]["results"]
    assert set(results["psnr_float"]) == {"1", "2", "4"}
    assert results["psnr_float_start"]["4"] > 10
    assert "| 4:1 |" in (tmp_path / "m/README.md").read_text()
    ran = cli("train", recipe, "-o", tmp_path / "n", "--test", footage / "clip0.npy")
    assert ran.code == 1
    assert "is in the training data too" in ran.err


def test_a_fit_on_short_footage_in_little_time(cli: Callable[..., Ran], tmp_path: Path) -> None:
    np.save(tmp_path / "clip.npy", make_clip(6, 16, 24))
    words = ("--linear", tmp_path / "clip.npy", "-o", tmp_path / "m", "--patch", 4, "--time-limit", "20s")
    ran = cli("train", *words)
    assert ran.code == 0, ran.err
    assert "no clip has 64 frames: 2 levels instead of 6, ratios up to 4:1" in ran.err
    assert imfn.load(str(tmp_path / "m")).ratios == (1, 2, 4)


def test_independent_images(cli: Callable[..., Ran], tmp_path: Path) -> None:
    np.save(tmp_path / "digits.npy", make_digits(200))
    images = {"channels": 32, "patch": 28, "kernel": 1, "gray": True, "shuffled": True, "flips": False}
    recipe = write_recipe(tmp_path, tmp_path / "digits.npy", **images)
    ran = cli("train", recipe, "-o", tmp_path / "digits", "--device", "cpu")
    assert ran.code == 0, ran.err
    config = json.loads((tmp_path / "digits/config.json").read_text())["network"]
    assert config["independent"] is True
    latent = tmp_path / "d.safetensors"
    assert (
        cli("compress", tmp_path / "digits.npy", "-o", latent, "-m", tmp_path / "digits", "-r", 4).code == 0
    )
    assert cli("decompress", latent, "-o", tmp_path / "d.npy", "-m", tmp_path / "digits").code == 0


def test_an_interrupted_run_goes_on(cli: Callable[..., Ran], tmp_path: Path, footage: Path) -> None:
    """Killed at once, without a chance to clean up; then resumed to a whole model."""
    out = tmp_path / "m"
    code = (
        "import os, sys, imfn_cli.training.trainer as t\n"
        "from imfn_cli import workflows\n"
        "step = t.Trainer._step\n"
        "def cut(self, level):\n"
        "    if self.step == 8: os.kill(os.getpid(), 9)\n"
        "    return step(self, level)\n"
        "t.Trainer._step = cut\n"
        "workflows.train(sys.argv[1], sys.argv[2], device='cpu', checkpoint_seconds=0)\n"
    )
    first = [sys.executable, "-c", code, str(write_recipe(tmp_path, footage)), str(out)]
    killed = subprocess.run(first, env=environment(), capture_output=True)
    assert killed.returncode == -9
    assert not (out / "config.json").exists()
    resumed = cli("train", "--resume", "-o", out, "--json", "--device", "cpu")
    assert resumed.code == 0, resumed.err
    (made,) = resumed.json
    assert made["steps"] == 12
    assert [evaluation["step"] for evaluation in made["evaluations"]] == [12]
    imfn.load(str(out))


def test_two_processes_train_one_model(tmp_path: Path, footage: Path) -> None:
    for seed in range(2, 8):
        np.save(footage / f"clip{seed}.npy", make_clip(8, 32, 40, seed=seed))
    code = (
        "import hashlib, pathlib, sys, torch, imfn_cli.training.trainer as t\n"
        "run, step = t.Trainer.run, t.Trainer._step\n"
        "def tree(self):\n"
        "    return [p.clone() for n, p in self.network.named_parameters() if not n.startswith('leaf.')]\n"
        "def watched(self, stage):\n"
        "    before = tree(self)\n"
        "    loss = step(self, stage)\n"
        "    same = all(torch.equal(a, b) for a, b in zip(before, tree(self)))\n"
        "    assert same == (stage.name == 'leaves'), stage\n"
        "    return loss\n"
        "t.Trainer._step = watched\n"
        "def noted(self, *a):\n"
        "    made = run(self, *a)\n"
        "    flat = torch.cat([p.flatten() for p in self.network.parameters()])\n"
        "    name = hashlib.sha256(flat.detach().numpy().tobytes()).hexdigest()\n"
        f"    pathlib.Path({str(tmp_path)!r}, f'rank{{self.processes.rank}}').write_text("
        "f'{name} {self.pool.frames} {self.step}')\n"
        "    return made\n"
        "t.Trainer.run = noted\n"
        "from imfn_cli.cli.main import main; main()\n"
    )
    script = tmp_path / "train_here.py"
    script.write_text(code)
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"),
        *("--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"),
        *(
            str(script),
            "train",
            str(write_recipe(tmp_path, footage, leaf_width=8, leaf_share=0.5)),
            "-o",
            str(tmp_path / "m"),
            "--device",
            "cpu",
        ),
    ]
    done = subprocess.run(
        command, env={**environment(), "OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    first, second = ((tmp_path / f"rank{rank}").read_text().split() for rank in (0, 1))
    # The same weights from different clips; the tree's do not move while the leaves are trained.
    assert first[0] == second[0]
    assert first[2] == second[2] == "12"
    assert int(first[1]) + int(second[1]) < 2 * (2 * 24 + 6 * 8)
    imfn.load(str(tmp_path / "m"))


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["clip.npy"], 2, "-o DIR"),
        (["-o", "m"], 2, "name sequences"),
        (["a.toml", "b", "-o", "m"], 2, "give no other"),
        (["clip.npy", "-o", "m", "--time-limit", "soon"], 2, "is no time"),
        (["--linear", "-o", "m"], 2, "needs DATA"),
        (["--linear", "clip.npy", "-o", "m", "--steps", "5"], 2, "leave out --from, --steps"),
        (["nothing.npy", "-o", "m"], 1, "nothing.npy: no such file"),
        (["missing.toml", "-o", "m"], 1, "missing.toml: cannot be read"),
        (["--resume", "-o", "m"], 1, "nothing to resume"),
        (["clip.npy", "-o", "m", "--from", "nobody"], 1, "no model 'nobody'"),
    ],
)
def test_mistakes_are_one_line(
    cli: Callable[..., Ran],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("clip.npy", make_clip(8, 16, 16))
    ran = cli("train", *words)
    assert ran.code == code
    assert message in ran.err
    assert "Traceback" not in ran.err
    assert not (tmp_path / "m/config.json").exists()


def test_a_model_is_not_overwritten(cli: Callable[..., Ran], tmp_path: Path, tiny_model_dir: Path) -> None:
    ran = cli("train", tmp_path, "-o", tiny_model_dir)
    assert ran.code == 1
    assert "holds a model already" in ran.line


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("45", 45), ("2h", 7200), ("1m5s", 65)]
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "m", "1d", "-3s", "1.5h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_duration(text)


def test_data_folders_are_searched(
    cli: Callable[..., Ran], tmp_path: Path, footage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "IMFN_DATA", str(footage.parent))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    ran = cli(
        "train", write_recipe(tmp_path, Path("footage")), "-o", "m", "--steps", 1, "--device", "cpu", "--json"
    )
    assert ran.code == 0, ran.err
    assert ran.json[0]["data"]["clips"] == 2
