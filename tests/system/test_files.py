import os
import sys
from pathlib import Path

import pytest

from imfn_cli.errors import OutputError
from imfn_cli.system.files import check_output, replacing

NAMES = ["clip.safetensors", "no ending", ".hidden", "a.b.c.mp4", "x" * 240 + ".mp4", "動画" * 40 + ".mp4"]


def write(path: Path, text: str, *, force: bool = False) -> Path:
    with replacing(path, force=force) as temporary:
        temporary.write_text(text)
        assert temporary.parent == path.parent
        assert temporary.suffix == path.suffix
        assert temporary != path
    return path


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("name", NAMES)
def test_the_file_appears_when_the_block_ends(tmp_path: Path, name: str) -> None:
    with replacing(tmp_path / name, force=False) as temporary:
        temporary.write_text("new")
        assert not (tmp_path / name).exists()
    assert (tmp_path / name).read_text() == "new"
    assert names(tmp_path) == [name]


def test_existing_files_need_force(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "old")
    with pytest.raises(OutputError, match=r"a\.txt: exists already; .*--force"):
        write(path, "new")
    assert path.read_text() == "old"
    write(path, "new", force=True)
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, OSError, GeneratorExit])
@pytest.mark.parametrize("exists", [False, True])
def test_errors_leave_all_as_it_was(tmp_path: Path, error: type[BaseException], exists: bool) -> None:
    path = tmp_path / "a.txt"
    if exists:
        path.write_text("old")

    def fail() -> None:
        with replacing(path, force=True) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert names(tmp_path) == (["a.txt"] if exists else [])
    assert not exists or path.read_text() == "old"


def test_a_file_that_appears_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"

    def race() -> None:
        with replacing(path, force=False) as temporary:
            temporary.write_text("ours")
            path.write_text("theirs")

    with pytest.raises(OutputError, match="exists already"):
        race()
    assert path.read_text() == "theirs"
    assert names(tmp_path) == ["a.txt"]


def test_two_at_once_do_not_collide(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with replacing(path, force=True) as one, replacing(path, force=True) as two:
        assert one != two
        one.write_text("one")
        two.write_text("two")
    assert path.read_text() == "one"
    assert names(tmp_path) == ["a.txt"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises((OutputError, FileNotFoundError)), replacing(tmp_path / "a.txt", force=False):
        pass
    assert names(tmp_path) == []


def test_directories_and_missing_directories_are_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a directory"):
        check_output(tmp_path, force=True)
    with pytest.raises(OutputError, match=r"none: no such directory"):
        check_output(tmp_path / "none" / "a.txt", force=True)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file: no such directory"):
        check_output(tmp_path / "file" / "a.txt", force=True)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="the super-user may write anywhere")
def test_read_only_directories_are_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="cannot be written to"):
            check_output(tmp_path / "a.txt", force=True)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_files_get_the_permissions_that_others_have(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    path = write(tmp_path / "a.txt", "x")
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
