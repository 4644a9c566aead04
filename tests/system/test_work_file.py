"""An output's work file: its lock, what is gone on from, what is left and what goes."""

import os
from pathlib import Path

import pytest

from imfn_cli.errors import BusyError, OutputError
from imfn_cli.system import work_file
from imfn_cli.system.work_file import WorkFile, unfinished, work_on

TOLD = {"source": "abc", "quality": 50}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def interrupted(output: Path, data: bytes, told: dict[str, object] | None = None) -> None:
    """What a run leaves that is killed."""
    work = WorkFile(output, output.parent, told or TOLD, resume=False)
    work.file.write(data)
    work.part.write_bytes(b"part")
    work.file.close()


def test_work_is_gone_on_from(tmp_path: Path) -> None:
    output = tmp_path / "clip.mp4"
    interrupted(output, b"half")
    assert names(tmp_path) == [".clip.mp4.imfn-part", ".clip.mp4.imfn-work"]
    assert unfinished(output)
    with work_on(output, TOLD, resume=True) as work:
        assert work.found
        assert work.file.tell() == work.start
        assert work.file.read() == b"half"
        assert work.part.read_bytes() == b"part"
    assert names(tmp_path) == []
    assert not unfinished(output)


def test_without_resume_work_that_is_left_is_removed(tmp_path: Path) -> None:
    output = tmp_path / "clip.mp4"
    interrupted(output, b"half")
    with work_on(output, TOLD) as work:
        assert not work.found
        assert work.file.read() == b""
        assert not work.part.exists()
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (TOLD | {"quality": 40}, "had quality 50, not 40"),
        (TOLD | {"source": "abd"}, "the source has changed"),
        (TOLD | {"model": "f" * 64}, "had another model"),
    ],
)
def test_work_on_something_else_is_refused_and_stays(
    now: dict[str, object], words: str, tmp_path: Path
) -> None:
    output = tmp_path / "clip.mp4"
    interrupted(output, b"half")
    with pytest.raises(OutputError, match=words), work_on(output, now, resume=True):
        pass
    with work_on(output, TOLD, resume=True) as work:
        assert work.file.read() == b"half"


@pytest.mark.parametrize("size", [0, 5, 40])
def test_a_first_line_that_is_cut_short_is_no_work(size: int, tmp_path: Path) -> None:
    output = tmp_path / "clip.mp4"
    interrupted(output, b"half")
    os.truncate(tmp_path / ".clip.mp4.imfn-work", size)
    with work_on(output, TOLD, resume=True) as work:
        assert not work.found


@pytest.mark.parametrize("resume", [False, True])
def test_after_an_exception_work_stays_for_whoever_goes_on(resume: bool, tmp_path: Path) -> None:
    def fail() -> None:
        with work_on(tmp_path / "clip.mp4", TOLD, resume=resume):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert names(tmp_path) == ([".clip.mp4.imfn-work"] if resume else [])


def test_two_runs_do_not_make_one_output(tmp_path: Path) -> None:
    output = tmp_path / "clip.mp4"
    with (
        work_on(output, TOLD),
        pytest.raises(OutputError, match=r"clip\.mp4: another run is making it"),
        work_on(output, TOLD, resume=True),
    ):
        pass
    with work_on(output, TOLD):
        pass


def test_an_output_that_is_whole_is_not_unfinished(tmp_path: Path) -> None:
    output = tmp_path / "clip.mp4"
    work = WorkFile(output, tmp_path, TOLD, resume=False)
    work.part.write_bytes(b"whole")
    work.about_to_appear()
    assert unfinished(output)
    work.part.replace(output)
    # Killed before the work file could go.
    work.file.close()
    assert not unfinished(output)
    assert names(tmp_path) == ["clip.mp4"]


def test_an_old_output_that_was_to_be_replaced_is_unfinished(tmp_path: Path) -> None:
    output = tmp_path / "clip.mp4"
    output.write_bytes(b"old")
    interrupted(output, b"half")
    assert unfinished(output)
    assert output.read_bytes() == b"old"


def test_names_too_long_for_more(tmp_path: Path) -> None:
    one, other = tmp_path / ("x" * 245 + ".mp4"), tmp_path / ("x" * 245 + ".mkv")
    with work_on(one, TOLD) as first, work_on(other, TOLD) as second:
        assert first.path != second.path
        assert first.part != second.part


@pytest.mark.parametrize("resume", [False, True])
def test_an_interrupt_before_the_block_has_begun(tmp_path: Path, resume: bool) -> None:
    WorkFile(tmp_path / "x.mp4", tmp_path, {"ratio": 4}, resume=resume)
    assert len(list(tmp_path.iterdir())) == 1
    work_file.let_go()
    assert len(list(tmp_path.iterdir())) == resume
    with work_on(tmp_path / "x.mp4", {"ratio": 4}, resume=resume):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_before_it_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path, output: Path) -> None:
        path.touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(work_file, "_locked", interrupted)
    with pytest.raises(KeyboardInterrupt):
        WorkFile(tmp_path / "x.mp4", tmp_path, None, resume=False)
    work_file.let_go()
    assert list(tmp_path.iterdir()) == []


def test_what_another_run_is_at_stays(tmp_path: Path) -> None:
    with work_on(tmp_path / "x.mp4") as work:
        with pytest.raises(BusyError):
            WorkFile(tmp_path / "x.mp4", tmp_path, None, resume=False)
        assert [one for one in work_file._open if one.path == work.path] == [work]
