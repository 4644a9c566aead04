"""The table of formats: each is found by its name and by its content."""

import itertools
from pathlib import Path

import pytest

from imfn_cli.media.sources.formats import FORMATS, VIDEO, Format, format_of_content, format_of_name


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.endings[0])
def test_each_format_is_found(known: Format) -> None:
    for ending in known.endings:
        assert ending == ending.lower()
        assert format_of_name(Path(f"clip{ending}")) is known
        assert format_of_name(Path(f"CLIP.V2{ending.upper()}")) is known
        assert format_of_name(Path(ending[1:])) is None
    for start in known.magic:
        assert format_of_content(start + bytes(100)) is known
        assert format_of_content(start[:-1]) is None


def test_no_two_formats_claim_the_same() -> None:
    for one, other in itertools.combinations(FORMATS, 2):
        assert not set(one.endings) & set(other.endings)
        for start in one.magic:
            assert not start.startswith(other.magic)
            assert not any(theirs.startswith(start) for theirs in other.magic)


@pytest.mark.parametrize(
    ("head", "ending"),
    [
        (b"RIFF\x10\0\0\0WEBPVP8 ", ".webp"),
        (b"\0\0\x08\x03\0\0\0\x0a", ".idx3-ubyte"),
        (b"\0\0\x0d\x01\0\0\0\x0a", ".idx3-ubyte"),
    ],
)
def test_formats_without_magic_bytes(head: bytes, ending: str) -> None:
    known = format_of_content(head)
    assert known is not None
    assert known is format_of_name(Path(f"clip{ending}"))


@pytest.mark.parametrize("head", [b"", b"text", b"RIFF\x10\0\0\0AVI LIST", b"\0\0\0\x18ftypmp42"])
def test_other_content_is_none_of_them(head: bytes) -> None:
    assert format_of_content(head) is None


def test_what_ffmpeg_reads_has_no_magic_bytes() -> None:
    assert not VIDEO.begins(b"\0\0\0\x18ftypmp42")
    assert FORMATS[-1] is VIDEO
