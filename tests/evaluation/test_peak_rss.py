"""The peak RSS of processes that compress and restore."""

import multiprocessing
import os
from functools import partial
from pathlib import Path

import pytest

from imfn_cli.errors import ImfnError, InputError
from imfn_cli.evaluation.peak_rss import peak_rss_rows
from imfn_cli.media import open_sequence

MEGABYTE = 1_000_000


def take(source: Path, target: Path, *, megabytes: int) -> None:
    """Count the frames of `source`, or none, in as much RAM."""
    held = bytearray(b"x" * megabytes * MEGABYTE)
    if source.suffix == ".mp4":
        with open_sequence(source) as sequence:
            held[: sequence.info.width] = bytes(sequence.info.width)
        assert sum(1 for _ in sequence) == 25
    target.write_bytes(held[:1])


def refuse(source: Path, target: Path) -> None:
    raise InputError(f"{source.name}: no")


def die(source: Path, target: Path) -> None:
    os._exit(1)


def test_each_process_has_its_own_peak() -> None:
    seen: list[tuple[str, int, int]] = []
    there, back = partial(take, megabytes=300), partial(take, megabytes=1)
    (row,) = peak_rss_rows(there, back, (1,), progress=lambda *done: seen.append(done))
    assert (row.seconds, row.frames) == (1, 25)
    assert row.compress > row.decompress + 200
    # Nothing of this process, which has more loaded than those.
    assert 5 < row.decompress < 250
    assert seen == [("peak RSS", 0, 1)]
    assert multiprocessing.active_children() == []


def test_what_fails_is_one_line() -> None:
    with pytest.raises(ImfnError, match=r"^clip\.mp4: no$"):
        peak_rss_rows(refuse, refuse, (1,))
    with pytest.raises(ImfnError, match=r"^clip\.mp4: the process that worked on it died"):
        peak_rss_rows(die, die, (1,))
    assert multiprocessing.active_children() == []
