"""Distillation: the learned update comes nearer to the tree, and its file belongs to one model."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from imfn_cli.errors import ImfnError, InputError, ModelError, OutputError
from imfn_cli.network import IMFN, IMFNConfig, Student, Update
from imfn_cli.reports import DistillRow
from imfn_cli.training import export
from imfn_cli.training.distiller import Distiller
from imfn_cli.training.pool import Pool
from imfn_cli.zoo import STUDENT_FILE, Model, load, save
from imfn_cli.zoo.student_file import read_update, write_student
from tests.conftest import make_clip


@pytest.fixture(scope="module")
def learned_dir(tiny_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with branches that bend its memories a little: three levels, not linear any more."""
    config = IMFNConfig(levels=3, widths=(16, 16, 16), kernel=3, merge_blocks=1, split_blocks=1)
    network = IMFN(config).requires_grad_(False)
    network.load_state_dict(tiny_model.network.state_dict(), strict=False)
    torch.manual_seed(1)
    for level in (1, 2, 3):
        branch = network.sweeper(level).merge_branch
        assert branch is not None
        branch.leave.weight.normal_(0, 0.05)
    folder = tmp_path_factory.mktemp("models") / "learned"
    folder.mkdir()
    save(folder, network, tiny_model.entropy, {"name": "learned", "kind": "trained"})
    return folder


@pytest.fixture
def learned(learned_dir: Path, tmp_path: Path) -> Model:
    """A model with branches in a folder of its own, without a student."""
    folder = tmp_path / "learned"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_bytes((learned_dir / name).read_bytes())
    return load(str(folder), device="cpu")


@pytest.fixture(scope="module")
def distilled(learned_dir: Path) -> tuple[Update | None, list[DistillRow], list[DistillRow]]:
    """An update distilled by root matching for a few steps, and how it did before and after."""
    network = load(str(learned_dir), device="cpu").network
    clips = [torch.from_numpy(make_clip(16, 32, 32, seed=seed)) for seed in range(4)]
    pool, held = Pool(clips[:3], network.config), Pool(clips[3:], network.config)
    distiller = Distiller(
        network, pool, held, steps=40, width=24, blocks=1, frames_per_step=16, crop=32, decoder=0, prefix=0
    )
    update, after = distiller.run()
    distiller.students = {level: Student(network, level) for level in distiller.students}
    return update, distiller.evaluate(), after


# -- training --------------------------------------------------------------------------------------------


def test_distilling_comes_nearer_to_the_tree(
    distilled: tuple[Update | None, list[DistillRow], list[DistillRow]],
) -> None:
    _, before, after = distilled
    assert [row.ratio for row in after] == [2, 4, 8]
    for old, new in zip(before, after, strict=True):
        assert old.distance == pytest.approx(old.distance_linear, rel=1e-5)
        assert new.distance < old.distance
        assert new.psnr_tree == pytest.approx(old.psnr_tree)
        assert new.distance_linear == pytest.approx(old.distance_linear)
    assert sum(row.distance for row in after) < 0.98 * sum(row.distance for row in before)


def test_the_tree_stays_as_it_is(learned: Model) -> None:
    before = {name: value.clone() for name, value in learned.network.state_dict().items()}
    pool = Pool([torch.from_numpy(make_clip(8, 16, 16))], learned.network.config)
    Distiller(learned.network, pool, pool, steps=2, width=8, blocks=1, frames_per_step=4, crop=16).run()
    after = learned.network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_the_time_limit_ends_it(learned: Model) -> None:
    pool = Pool([torch.from_numpy(make_clip(8, 16, 16))], learned.network.config)
    distiller = Distiller(
        learned.network, pool, pool, steps=10**6, limit=0.3, width=8, blocks=1, frames_per_step=4, crop=16
    )
    distiller.run()
    assert 0 < distiller.steps_done < 10**4


def test_an_update_that_gains_nothing_is_left_out(learned: Model) -> None:
    pool = Pool([torch.from_numpy(make_clip(8, 16, 16))], learned.network.config)
    distiller = Distiller(learned.network, pool, pool, steps=1, width=8, blocks=1, frames_per_step=4, crop=16)
    update, rows = distiller.run()
    assert update is None
    assert all(abs(row.psnr_student - row.psnr_linear) < 0.02 for row in rows)


def test_a_resumed_run_is_the_uninterrupted_one(learned: Model, tmp_path: Path) -> None:
    clips = [torch.from_numpy(make_clip(16, 32, 32, seed=seed)) for seed in range(3)]
    pool, held = Pool(clips[:2], learned.network.config), Pool(clips[2:], learned.network.config)

    def distiller(name: str) -> Distiller:
        return Distiller(
            learned.network, pool, held, steps=20, width=8, blocks=1, frames_per_step=8, crop=16,
            checkpoint=tmp_path / name, checkpoint_seconds=0, about={"steps": 20},
        )  # fmt: skip

    whole = distiller("whole")
    _, expected = whole.run()

    class Killed(Exception):
        pass

    def kill(stage: str, step: int, steps: int) -> None:
        if step == 13:
            raise Killed

    with pytest.raises(Killed):
        distiller("cut").run(kill)
    resumed = distiller("cut")
    steps: list[int] = []
    _, found = resumed.run(lambda _, step, __: steps.append(step), resume=True)
    assert steps == list(range(13, 21))
    assert found == expected
    for name, value in whole.update.state_dict().items():
        assert torch.equal(resumed.update.state_dict()[name], value)
    with pytest.raises(InputError, match="nothing to resume"):
        distiller("other").run(resume=True)


# -- the file --------------------------------------------------------------------------------------------


def test_a_model_carries_its_student(
    learned: Model, distilled: tuple[Update | None, list[DistillRow], list[DistillRow]]
) -> None:
    update = distilled[0]
    path = learned.path / STUDENT_FILE
    write_student(path, learned.name, learned.sha256, update=update, about={"steps": 60})
    student = learned.student(4)
    frames = torch.rand(4, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    wanted = Student(learned.network, 2, update).compress(frames)
    assert torch.equal(student.compress(frames), wanted)
    assert learned.student(4) is student
    with safe_open(path, framework="numpy") as file:
        (text,) = file.metadata().values()
    assert json.loads(text)["about"] == {"steps": 60}


def test_a_student_may_do_without_an_update(learned: Model) -> None:
    write_student(learned.path / STUDENT_FILE, learned.name, learned.sha256, about={"steps": 60})
    frames = torch.rand(4, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    assert learned.student(4).update is None
    assert torch.equal(learned.student(4).compress(frames), Student(learned.network, 2).compress(frames))


def test_the_file_is_the_same_each_time(learned: Model, tmp_path: Path) -> None:
    torch.manual_seed(0)
    update = Update(learned.network.config, 8, 1)
    paths = [tmp_path / name for name in ("a.safetensors", "b.safetensors")]
    for path in paths:
        write_student(path, "learned", learned.sha256, update=update)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        write_student(paths[0], "learned", learned.sha256, update=update)


def test_no_student(learned: Model) -> None:
    with pytest.raises(ModelError, match=r"'learned' carries no student; make one with 'imfn distill"):
        learned.student(2)


def test_a_student_of_other_weights(learned: Model) -> None:
    path = learned.path / STUDENT_FILE
    write_student(path, "learned", "ab" * 32, update=Update(learned.network.config, 8, 1))
    with pytest.raises(ModelError, match="was distilled from other weights \\(abababababab\\)") as caught:
        learned.student(2)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not safetensors", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_student(learned: Model, content: bytes) -> None:
    (learned.path / STUDENT_FILE).write_bytes(content)
    with pytest.raises(ModelError, match="not a student of this model") as caught:
        learned.student(2)
    assert "\n" not in str(caught.value)


def test_a_student_of_another_shape(learned: Model, tmp_path: Path) -> None:
    path = tmp_path / "student.safetensors"
    write_student(path, "learned", "ab" * 32, update=Update(learned.network.config, 8, 1))
    other = IMFNConfig(4, 4, 1, 16, 2, widths=(8, 8))
    with pytest.raises(ModelError, match="not a student of this model"):
        read_update(path, "learned", "ab" * 32, other)


def test_every_linear_model_carries_one(tiny_model: Model) -> None:
    assert not (tiny_model.path / STUDENT_FILE).exists()
    frames = torch.rand(8, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    memory = tiny_model.student(8).compress(frames)
    torch.testing.assert_close(memory, tiny_model.compress(frames, 8), atol=1e-4, rtol=0)


# -- programs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "ending"), [("torch", ".pt2"), ("onnx", ".onnx")])
def test_one_step_as_a_program(
    learned: Model,
    distilled: tuple[Update | None, list[DistillRow], list[DistillRow]],
    tmp_path: Path,
    kind: str,
    ending: str,
) -> None:
    if kind == "onnx":
        for package in ("onnx", "onnxscript", "onnxruntime"):
            pytest.importorskip(package)
    path = tmp_path / f"step{ending}"
    student = Student(learned.network, 2, distilled[0])
    assert export.export_step(student, path, kind) < 1e-5
    assert path.stat().st_size > 1000
    assert list(tmp_path.glob("*.part*")) == []


def test_a_program_that_differs_is_not_written(
    learned: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(path: Path, kind: str) -> Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]:
        return lambda memory, frame, t: memory + 1

    monkeypatch.setattr(export, "_runner", wrong)
    with pytest.raises(ImfnError, match="differs from the student"):
        export.export_step(Student(learned.network, 1), tmp_path / "step.pt2", "torch")
    assert list(tmp_path.glob("step*")) == []


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    with pytest.raises(ImfnError, match=r"ONNX needs the package onnx; pip install 'imfn\[export\]'"):
        export.require_packages("onnx")
    export.require_packages("torch")


def test_windows_are_walked_side_by_side(tiny_model: Model) -> None:
    """The walk over many windows gives what each gives alone."""
    frames = np.concatenate([make_clip(4, 16, 16, seed=seed) for seed in (0, 1)])
    values = torch.from_numpy(frames).permute(0, 3, 1, 2) / 255
    pool = Pool([torch.from_numpy(frames)], tiny_model.network.config)
    student = Student(tiny_model.network, 2)
    both = Distiller(tiny_model.network, pool, pool)._walk(student, values, 4)
    alone = torch.cat([student.compress(values[:4]), student.compress(values[4:])])
    torch.testing.assert_close(both, alone, atol=1e-6, rtol=0)
