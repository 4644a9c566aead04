"""A student's file: what lies in it, and which model it belongs to."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from imfn_cli.errors import ModelError, OutputError
from imfn_cli.network import IMFNConfig, Student, Update
from imfn_cli.zoo import STUDENT_FILE, Model, read_update, write_student


@pytest.fixture
def update(learned: Model) -> Update:
    """An update that adds something."""
    torch.manual_seed(3)
    made = Update(learned.network.config, 24, 1).requires_grad_(False)
    made.branch.leave.weight.normal_(0, 0.1)
    return made


def test_a_model_carries_its_student(learned: Model, update: Update) -> None:
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
