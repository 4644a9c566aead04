"""Folders of images of several kinds: told apart, and how to name one of them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imfn_cli.errors import InputError
from imfn_cli.media import expand_inputs, open_sequence
from imfn_cli.media.sources.samples import open_samples


def _save(path: Path, width: int, height: int, dtype: type = np.uint8) -> None:
    Image.fromarray(np.full((height, width), 7, dtype)).save(path)


def _opened(pattern: str) -> int | None:
    (source,) = expand_inputs([pattern])
    return open_sequence(source).info.frame_count


def _opened_as_array(pattern: str) -> int:
    (source,) = expand_inputs([pattern])
    with open_samples(source) as array:
        return array.shape[0]


def test_several_sizes(tmp_path: Path) -> None:
    for number in range(3):
        _save(tmp_path / f"wide{number}.png", 20, 10)
    for number in range(2):
        _save(tmp_path / f"tall{number}.png", 10, 20)
    with pytest.raises(InputError) as caught:
        _opened(str(tmp_path))
    assert str(caught.value) == (
        f"{tmp_path}: its images are of several kinds: 3 of 20x10 (wide0.png … wide2.png); "
        f"2 of 10x20 (tall0.png … tall1.png); name one kind, such as '{tmp_path}/wide*.png'"
    )
    assert _opened(f"{tmp_path}/wide*.png") == 3


def test_several_depths(tmp_path: Path) -> None:
    for number in range(3):
        _save(tmp_path / f"a{number}.png", 20, 10)
    _save(tmp_path / "b0.tif", 20, 10, np.uint16)
    with pytest.raises(InputError, match=r"3 of 20x10, 8 bits .*; 1 of 20x10, 16 bits \(b0\.tif\); name one"):
        _opened(str(tmp_path))


def test_names_that_do_not_tell(tmp_path: Path) -> None:
    for number in range(4):
        _save(tmp_path / f"{number}.png", 20, 10 + number % 2)
    with pytest.raises(InputError, match="put each kind into a folder of its own"):
        _opened(str(tmp_path))


def test_many_kinds_stay_one_line(tmp_path: Path) -> None:
    for number in range(9):
        _save(tmp_path / f"{number}.png", 20, 10 + number)
    with pytest.raises(InputError, match="6 more kinds") as caught:
        _opened(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_two_numbered_series(tmp_path: Path) -> None:
    """Nobody has said that they are one film; whoever names them all has."""
    for number in range(3):
        _save(tmp_path / f"left_{number:03d}.png", 20, 10)
        _save(tmp_path / f"right_{number:03d}.png", 20, 10)
    for opened in (_opened, _opened_as_array):
        with pytest.raises(InputError) as caught:
            opened(str(tmp_path))
        assert str(caught.value) == (
            f"{tmp_path}: its images are 2 numbered series: 3 of '{tmp_path}/left_*.png'; "
            f"3 of '{tmp_path}/right_*.png'; name one of them, or '{tmp_path}/*' for one film of all, "
            "one after another"
        )
        assert opened(f"{tmp_path}/left_*.png") == 3
        assert opened(f"{tmp_path}/*") == 6
    (source,) = expand_inputs([f"{tmp_path}/*"])
    assert open_sequence(source).info.notes == (
        "2 numbered series (left_…, right_…) read as one film, one after another; "
        f"'{tmp_path}/left_*.png' names one of them",
    )


@pytest.mark.parametrize(
    "names",
    [
        ["12-58-00", "12-58-01", "12-59-00", "12-59-01"],
        ["day_1", "day_2", "night_3", "night_4"],
    ],
)
def test_series_that_go_on_from_one_another(tmp_path: Path, names: list[str]) -> None:
    """Times of day, and numbers that go on under another word: one film, and a note."""
    for name in names:
        _save(tmp_path / f"{name}.png", 20, 10)
    sequence = open_sequence(tmp_path)
    assert sequence.info.frame_count == 4
    assert "2 numbered series" in sequence.info.notes[0]


def test_many_series_stay_one_line(tmp_path: Path) -> None:
    for word in "abcdefgh":
        for number in range(2):
            _save(tmp_path / f"{word}_{number}.png", 20, 10)
    with pytest.raises(InputError, match=r"8 numbered series: .*, 5 more; name one of them") as caught:
        _opened(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("names", [["a1", "a2", "b1"], ["a1", "a2", "cover", "b1", "b2"], ["1", "2", "10"]])
def test_one_series_is_not_told_of(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        _save(tmp_path / f"{name}.png", 20, 10)
    assert open_sequence(tmp_path).info.notes == ()
