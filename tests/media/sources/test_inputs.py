"""expand_inputs: what becomes of the names on a command line."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imfn_cli.errors import InputError
from imfn_cli.media import Source, expand_inputs, open_sequence
from imfn_cli.media.sources.inputs import natural_key


def image(path: Path, pages: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = [Image.fromarray(np.full((4, 6), 40 * page, np.uint8)) for page in range(pages)]
    more: dict[str, Any] = {"save_all": True, "append_images": frames[1:]} if pages > 1 else {}
    frames[0].save(path, **more)
    return path


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def names(sources: list[Source]) -> list[list[str]]:
    return [[path.name for path in source.paths] for source in sources]


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_numbers_sort_by_value(numbers: list[int]) -> None:
    files = sorted((f"img{number}.png" for number in numbers), key=natural_key)
    assert files == [f"img{number}.png" for number in sorted(numbers)]


@given(st.lists(st.text()))
def test_any_names_can_be_sorted(texts: list[str]) -> None:
    assert sorted(sorted(texts, key=natural_key)) == sorted(texts)


def test_a_file_is_one_source(tmp_path: Path) -> None:
    clip = touch(tmp_path / "clip.mp4")
    (source,) = expand_inputs([str(clip)])
    assert (source.paths, source.name, source.kind) == ((clip,), str(clip), "video")


def test_a_directory_of_stills_is_one_sequence(tmp_path: Path) -> None:
    for index in (1, 2, 10):
        image(tmp_path / "frames" / f"img{index}.png")
    touch(tmp_path / "frames" / "notes.txt")
    (source,) = expand_inputs([str(tmp_path / "frames")])
    assert source.paths == (tmp_path / "frames",)
    assert source.kind == "images"
    assert source.default_output(".safetensors") == tmp_path / "frames.safetensors"
    assert open_sequence(source).info.frame_count == 3


def test_single_page_tiffs_are_stills(tmp_path: Path) -> None:
    for index in range(3):
        image(tmp_path / "scan" / f"{index}.tif")
    (source,) = expand_inputs([str(tmp_path / "scan")])
    assert source.paths == (tmp_path / "scan",)


def test_a_directory_is_searched_for_sequences(tmp_path: Path) -> None:
    for name in (
        "b10.mp4",
        "b9.avi",
        "a.npy",
        "digits-idx3-ubyte.gz",
        "old.safetensors",
        ".hidden.mp4",
        "x.txt",
    ):
        touch(tmp_path / name)
    image(tmp_path / "stack.tif", pages=3)
    image(tmp_path / "cover.jpg")
    touch(tmp_path / "deeper" / "c.mkv")
    image(tmp_path / "deeper" / "stills" / "0.png")
    touch(tmp_path / ".cache" / "d.mp4")
    assert names(expand_inputs([str(tmp_path)])) == [
        ["a.npy"],
        ["b9.avi"],
        ["b10.mp4"],
        ["digits-idx3-ubyte.gz"],
        ["stack.tif"],
        ["c.mkv"],
        ["stills"],
    ]


def test_an_empty_directory_is_reported_when_opened(tmp_path: Path) -> None:
    (source,) = expand_inputs([str(tmp_path)])
    with pytest.raises(InputError, match="no images or videos"):
        open_sequence(source)


def test_stills_in_a_row_are_one_sequence(tmp_path: Path) -> None:
    shell_order = [str(image(tmp_path / "a" / f"img{index}.png")) for index in (1, 10, 2)]
    other = str(image(tmp_path / "b" / "img1.png"))
    clip = str(touch(tmp_path / "clip.mp4"))
    sources = expand_inputs([*shell_order, other, clip, shell_order[0]])
    assert names(sources) == [["img1.png", "img2.png", "img10.png"], ["img1.png"], ["clip.mp4"], ["img1.png"]]
    assert sources[0].name == f"{tmp_path / 'a' / '*.png'} (3 images)"
    assert sources[0].default_output(".npy") == tmp_path / "a.npy"


def test_patterns_are_expanded_here(tmp_path: Path) -> None:
    for index in (1, 2, 10):
        image(tmp_path / "frames" / f"img{index}.png")
        touch(tmp_path / "clips" / f"clip{index}.mp4")
    (source,) = expand_inputs([str(tmp_path / "frames" / "*.png")])
    assert [path.name for path in source.paths] == ["img1.png", "img2.png", "img10.png"]
    assert names(expand_inputs([str(tmp_path / "clips" / "*.mp4")])) == [
        ["clip1.mp4"],
        ["clip2.mp4"],
        ["clip10.mp4"],
    ]


def test_a_name_with_brackets_is_a_name_first(tmp_path: Path) -> None:
    clip = touch(tmp_path / "clip[1].mp4")
    assert expand_inputs([str(clip)])[0].paths == (clip,)


def test_what_is_missing_is_reported_when_opened(tmp_path: Path) -> None:
    clip = touch(tmp_path / "clip.mp4")
    gone = str(tmp_path / "gone.mp4")
    nothing = str(tmp_path / "*.nothing")
    sources = expand_inputs([gone, str(clip), nothing])
    assert [source.name for source in sources] == [gone, str(clip), nothing]
    assert sources[0].kind == "missing"
    with pytest.raises(InputError, match=r"gone\.mp4: No such file"):
        open_sequence(sources[0])


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("clip.mp4", "clip.safetensors"),
        ("my.clip.v2.mp4", "my.clip.v2.safetensors"),
        ("digits-idx3-ubyte.gz", "digits-idx3-ubyte.safetensors"),
        ("train-images.idx3-ubyte", "train-images.safetensors"),
        ("clip", "clip.safetensors"),
        (".clip", ".clip.safetensors"),
    ],
)
def test_outputs_are_named_after_files(name: str, output: str) -> None:
    assert (
        Source((Path("some") / name,), name, "video").default_output(".safetensors") == Path("some") / output
    )


def test_outputs_are_named_after_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "frames.v2"
    folder.mkdir()
    monkeypatch.chdir(folder)
    expected = tmp_path / "frames.v2.npy"
    for given_name in (".", str(folder), f"{folder}{os.sep}"):
        assert Source((Path(given_name),), given_name, "images").default_output(".npy") == expected
