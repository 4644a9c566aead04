"""Temporary files of processes that were killed go with the next run; others stay."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imfn_cli.system.files import replacing
from imfn_cli.system.leftovers import remove_leftovers, temporary_folder, temporary_name

from ..cli.running import environment

_KILLED = """
import os, signal, sys
from pathlib import Path
from imfn_cli.system.files import replacing
from imfn_cli.system.leftovers import temporary_folder
with replacing(Path(sys.argv[1]) / "a.txt", force=True) as path, temporary_folder(path.parent, "b") as folder:
    path.write_text("half")
    (folder / "inside").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def _anew() -> None:
    remove_leftovers.cache_clear()


def killed(folder: Path) -> set[str]:
    """What a process leaves in a folder that is killed while it writes."""
    before = {path.name for path in folder.iterdir()}
    subprocess.run([sys.executable, "-c", _KILLED, str(folder)], env=environment(), check=False)
    return {path.name for path in folder.iterdir()} - before


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can ask whether a process runs")
def test_what_a_killed_run_left_goes_with_the_next(tmp_path: Path) -> None:
    others = (".a.part.txt", ".hidden", "a.part", ".a.deadbeef.part.mp4")
    for name in others:
        (tmp_path / name).write_text("of somebody else")
    assert len(killed(tmp_path)) == 2
    with replacing(tmp_path / "b.txt", force=False) as path:
        assert {one.name for one in tmp_path.iterdir()} == set(others)
        path.write_text("b")
    assert {one.name for one in tmp_path.iterdir()} == {*others, "b.txt"}


def test_what_runs_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / temporary_name("mine", ".mp4")
    foreign = temporary_name("theirs", ".mp4").replace(f"-{os.getpid()}-", "-999999999-")
    host = foreign.split(".")[2].split("-")[0]
    elsewhere = tmp_path / foreign.replace(host, f"{int(host, 16) ^ 1:08x}")
    for path in (mine, elsewhere, tmp_path / foreign):
        path.touch()
    remove_leftovers(tmp_path)
    assert mine.exists()
    assert elsewhere.exists()
    assert (tmp_path / foreign).exists() is (sys.platform == "win32")


def test_a_folder_is_for_its_block(tmp_path: Path) -> None:
    with temporary_folder(tmp_path, "x" * 300) as folder:
        (folder / "a").touch()
        assert sys.platform == "win32" or folder.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []
