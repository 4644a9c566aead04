"""Small files after public reports of people with such files, where they are: each with the right outcome.

Their kinds have tests of their own, with files that the tests write; these are the reported ones.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image, ImageCms

from imfn_cli.errors import InputError
from imfn_cli.media import Frame, Sequence, expand_inputs, open_sequence
from imfn_cli.media.tracks import Span, write_tracks

CASES = Path(os.environ.get("IMFN_DATA", "../shared/data")).parent / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"no {CASES}: the reported files are not here")


class Read(NamedTuple):
    sequence: Sequence
    frames: list[Frame]

    @property
    def notes(self) -> str:
        return " | ".join((*self.sequence.info.notes, *self.sequence.warnings))

    @property
    def seconds(self) -> float:
        """From the first frame to the end of the last."""
        info = self.sequence.info
        assert info.last_ticks is not None
        return float((self.frames[-1].time - self.frames[0].time + info.last_ticks) * info.time_base)

    @property
    def alpha(self) -> np.ndarray:
        """The first frame's plane."""
        plane = self.frames[0].alpha
        assert plane is not None
        return plane

    @property
    def levels(self) -> int:
        return len(np.unique(np.stack([frame.pixels for frame in self.frames])))


def read(name: str) -> Read:
    (source,) = expand_inputs([str(CASES / name)])
    sequence = open_sequence(source)
    return Read(sequence, list(sequence))


RIGHT: dict[str, Callable[[Read], bool]] = {
    "02-null-frames.avi": lambda r: len(r.frames) == 5 and not r.notes,
    "04-sequence.avif": lambda r: len(r.frames) == 5 and abs(r.seconds - 1.6) < 1e-6,
    "04-alpha.avif": lambda r: r.frames[0].pixels[0, -1].max() == 0 and r.alpha[0, -1] == 0,
    "06-two-cameras.mp4": lambda r: "choose with --stream 1" in r.notes,
    "06-thumbnail-first.mp4": lambda r: len(r.frames) == 12 and r.sequence.info.width == 64,
    "08-last-hold.gif": lambda r: abs(r.seconds - 3.3) < 1e-6 and r.sequence.info.plays == 4,
    "08-last-hold.webp": lambda r: abs(r.seconds - 3.3) < 1e-6,
    "08-last-hold.png": lambda r: abs(r.seconds - 3.3) < 1e-6,
    "08-last-hold.mp4": lambda r: abs(r.seconds - 7.3) < 1e-6,
    "09-blend-over.png": lambda r: bool(
        np.abs(r.frames[1].pixels[12, 16] - np.array([210, 125, 35])).max() <= 1
    ),
    "09-60fps.png": lambda r: len(r.frames) == 60 and abs(r.seconds - 1) < 1e-6,
    "10-rgb16-*.png": lambda r: r.levels > 150 and "16-bit samples" in r.notes,
    "10-thermal.tif": lambda r: r.levels > 200,
    "10-thermal.mkv": lambda r: "16-bit samples 7000..7812" in r.notes,
    "11-int8.tif": lambda r: r.frames[0].pixels[0, 0, 0] == 0 and "signed" in r.notes,
    "13-surplus.idx3-ubyte": lambda r: len(r.frames) == 5 and "left out" in r.notes,
    "14-frames-and-preview": lambda r: "4 images beside it" in r.notes,
    "14-tga": lambda r: len(r.frames) == 3,
    "14-tga/*.tga": lambda r: len(r.frames) == 3,
    "15-240fps.mp4": lambda r: abs(r.seconds - 0.1) < 1e-6,
    "16-interlaced.mp4": lambda r: "deinterlaced" in r.notes,
    "17-half.mkv": lambda r: "cut short" in r.notes,
    "17-joined.mp4": lambda r: "2 films joined" in r.notes,
    "18-index-at-end.mp4": lambda r: len(r.frames) == 24 and not r.notes,
    "19-profile.png": lambda r: "ICC profile" in r.notes,
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_outcome(name: str) -> None:
    found = read(name)
    assert RIGHT[name](found), (len(found.frames), found.notes)


def test_a_thermal_film_looks_as_its_stack() -> None:
    film, stack = read("10-thermal.mkv"), read("10-thermal.tif")
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(film.frames, stack.frames, strict=True))


def test_colours_are_those_of_the_profile() -> None:
    import io

    with Image.open(CASES / "19-profile.png") as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        shown = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert np.array_equal(read("19-profile.png").frames[0].pixels, np.asarray(shown))


def test_sound_comes_along(tmp_path: Path) -> None:
    with (tmp_path / "tracks").open("w+b") as target:
        assert write_tracks(CASES / "06-sound.mp4", target, Span()) == (True, [])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("13-two-arrays.npz", "holds 2 arrays"),
        ("11-depths-mixed.tif", "another bit depth"),
        ("11-float64.tif", "floating-point samples of 64 bits"),
    ],
)
def test_what_is_refused(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(name)
