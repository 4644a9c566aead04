"""Files of other projects, where they are: each is read to its end, every frame."""

import os
from fractions import Fraction
from pathlib import Path

import pytest

from imfn_cli.media import open_sequence

FORMATS = Path(os.environ.get("IMFN_DATA", "../shared/data")) / "formats"
pytestmark = pytest.mark.skipif(not FORMATS.is_dir(), reason=f"no {FORMATS}: the files are not here")

# Name, frames, width, height, channels, seconds from the first frame to the last.
READ = [
    ("MR2_MW_A.264", 300, 176, 144, 3, Fraction(299, 25)),
    ("calcium_imaging.tif", 1000, 40, 30, 1, Fraction(999, 25)),
    ("carrying_cropped.gif", 34, 150, 150, 3, Fraction(33, 25)),
    ("davis-judo", 16, 854, 480, 3, Fraction(15, 25)),
    ("newtonscradle.gif", 36, 200, 150, 3, Fraction(8, 10)),
    ("realshort.mp4", 36, 320, 240, 3, None),
    ("vp80-00-comprehensive-003.ivf", 49, 176, 144, 3, Fraction(2)),
    ("vp80-00-comprehensive-006.ivf", 48, 175, 143, 3, Fraction(47, 24)),
    ("vp80-00-comprehensive-010.ivf", 57, 320, 240, 3, Fraction(56, 30)),
    ("vp80-00-comprehensive-014.ivf", 49, 175, 143, 3, Fraction(48, 30)),
    ("vp80-00-comprehensive-015.ivf", 260, 320, 240, 3, Fraction(259, 30)),
    ("vp80-01-intra-1400.ivf", 10, 176, 144, 3, Fraction(9, 30)),
    ("vp80-02-inter-1418.ivf", 108, 200, 200, 3, Fraction(107, 30)),
    ("vp80-02-inter-1424.ivf", 14, 176, 144, 3, Fraction(14, 30)),
]


@pytest.mark.parametrize(("name", "count", "width", "height", "channels", "seconds"), READ)
def test_every_frame_is_read(
    name: str, count: int, width: int, height: int, channels: int, seconds: Fraction | None
) -> None:
    sequence = open_sequence(FORMATS / name)
    times = []
    for frame in sequence:
        assert frame.pixels.shape == (height, width, channels)
        times.append(frame.time)
    assert len(times) == count
    if seconds is not None:
        assert (times[-1] - times[0]) * sequence.info.time_base == seconds


def test_every_file_is_in_the_list() -> None:
    assert {path.name for path in FORMATS.iterdir()} == {name for name, *_ in READ}
