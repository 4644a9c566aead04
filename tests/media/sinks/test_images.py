"""Directories of PNG images."""

import errno
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imfn_cli.errors import OutputError
from imfn_cli.media import open_writer

from ..frames import make_frames, make_info, write_frames


def test_directories(tmp_path: Path) -> None:
    frames = make_frames(3, 4, 6)
    folder = tmp_path / "frames"
    folder.mkdir()
    write_frames(folder, frames)  # exists, but is empty
    assert sorted(path.name for path in folder.iterdir()) == ["000000.png", "000001.png", "000002.png"]
    info = make_info(frames[0])
    with pytest.raises(OutputError, match="not empty"):
        open_writer(folder, info)
    (folder / "notes.txt").write_text("mine")
    with open_writer(folder, info, force=True) as writer:
        writer.write(frames[2], 0)
    assert (folder / "notes.txt").read_text() == "mine"
    assert len(list(folder.iterdir())) == 4
    assert np.array_equal(np.asarray(Image.open(folder / "000000.png")), frames[2])
    with open_writer(f"{tmp_path / 'frames.v2'}/", info) as writer:
        writer.write(frames[0], 0)
    assert (tmp_path / "frames.v2" / "000000.png").exists()
    with pytest.raises(OutputError, match="no such directory"):
        open_writer(tmp_path / "nowhere" / "frames", info)


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (frame,) = make_frames(1, 16, 16)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OutputError, match=r"frames: no space left on the device; free some"):
        write_frames(tmp_path / "frames", [frame])
    assert list(tmp_path.iterdir()) == []
