"""Folders of images of several kinds: told apart, and how to name one of them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imfn_cli.errors import InputError
from imfn_cli.media import expand_inputs, open_sequence


def _save(path: Path, width: int, height: int, dtype: type = np.uint8) -> None:
    Image.fromarray(np.full((height, width), 7, dtype)).save(path)


def _opened(pattern: str) -> int | None:
    (source,) = expand_inputs([pattern])
    return open_sequence(source).info.frame_count


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
    for number in range(3):
        _save(tmp_path / f"left_{number:03d}.png", 20, 10)
        _save(tmp_path / f"right_{number:03d}.png", 20, 10)
    sequence = open_sequence(tmp_path)
    assert sequence.info.frame_count == 6
    assert sequence.info.notes == (
        "2 numbered series (left_…, right_…) read as one film, one after another; "
        f"'{tmp_path}/left_*.png' names one of them",
    )
    assert _opened(f"{tmp_path}/left_*.png") == 3


@pytest.mark.parametrize("names", [["a1", "a2", "b1"], ["a1", "a2", "cover", "b1", "b2"], ["1", "2", "10"]])
def test_one_series_is_not_told_of(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        _save(tmp_path / f"{name}.png", 20, 10)
    assert open_sequence(tmp_path).info.notes == ()
