"""open_writer: every format, any size."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imfn_cli.errors import OutputError
from imfn_cli.media import OUTPUT_ENDINGS, open_sequence, open_writer

from ..frames import make_frames, make_info, psnr, write_frames

LOSSLESS = [".mkv", ".npy", ".tif", ""]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("ending", [*OUTPUT_ENDINGS, ""])
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (3, 5), (17, 16), (143, 175)], ids=str)
def test_any_size(tmp_path: Path, size: tuple[int, int], ending: str, channels: int) -> None:
    frames = make_frames(3, *size, channels)
    sequence = open_sequence(write_frames(tmp_path / f"clip{ending}", frames))
    read = list(sequence)
    assert len(read) == 3
    for ours, theirs in zip(read, frames, strict=True):
        if ending in (*LOSSLESS, ".tiff") or (ending == ".gif" and channels == 1):
            assert np.array_equal(ours.pixels, theirs)
        else:
            assert ours.pixels.shape[:2] == size
            assert psnr(ours.pixels, np.broadcast_to(theirs, ours.pixels.shape)) > 27


def test_other_programs_read_the_arrays_and_stacks(tmp_path: Path) -> None:
    frames = make_frames(4, 5, 7)
    assert np.array_equal(np.load(write_frames(tmp_path / "a.npy", frames), mmap_mode="r"), np.stack(frames))
    with Image.open(write_frames(tmp_path / "a.tif", frames)) as image:
        assert getattr(image, "n_frames", 1) == 4
        image.seek(3)
        assert np.array_equal(np.asarray(image), frames[3])


def test_unknown_endings_are_listed(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"unknown ending '\.xyz'.*\.mp4.*\.npy"):
        open_writer(tmp_path / "clip.xyz", make_info(make_frames(1, 2, 2)[0]))
