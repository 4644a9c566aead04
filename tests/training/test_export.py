"""One step of a student as a program for other runtimes."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from imfn_cli.errors import ImfnError
from imfn_cli.network import Student, Update
from imfn_cli.training import export
from imfn_cli.zoo import Model


@pytest.mark.parametrize(("kind", "ending"), [("torch", ".pt2"), ("onnx", ".onnx")])
def test_one_step_as_a_program(
    learned: Model,
    tmp_path: Path,
    kind: str,
    ending: str,
) -> None:
    if kind == "onnx":
        for package in ("onnx", "onnxscript", "onnxruntime"):
            pytest.importorskip(package)
    torch.manual_seed(3)
    update = Update(learned.network.config, 24, 1)
    torch.nn.init.normal_(update.branch.leave.weight, std=0.1)
    path = tmp_path / f"step{ending}"
    student = Student(learned.network, 2, update)
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
