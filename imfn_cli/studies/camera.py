"""One camera's footage cut in two: what a model gains on the second half by what it saw of the first."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from ..errors import ImfnError, InputError
from ..evaluation.bd import Delta, best, delta, points_of
from ..evaluation.engine import clips_of, evaluate, settings_of
from ..evaluation.peers import sweep
from ..evaluation.rows import IMFN, Row
from ..media import Source, open_sequence, open_writer

_FIRST = "first-half.mkv"


@dataclass(frozen=True)
class Half:
    """The first half of a clip as a lossless video at `path`; the second starts at frame `start`."""

    path: Path
    start: int


def first_half(source: Source, folder: Path, frames: int | None = None) -> Half:
    """Write the first half of `source`, of its first `frames` frames, into `folder`.

    Raises `InputError` where the clip has fewer than two frames or cannot be read.
    """
    with open_sequence(source, stop=frames) as sequence:
        # Counted, since a container may claim anything.
        start = sum(1 for _ in sequence) // 2
        if not start:
            raise InputError(f"{source.name}: has a single frame; name a clip that can be cut in two")
        path = folder / _FIRST
        info = replace(sequence.info, frame_count=start)
        with open_writer(path, info, force=True) as writer:
            for frame in islice(sequence, start):
                writer.write(frame.pixels, frame.time)
    return Half(path, start)


def train(arguments: Sequence[str]) -> None:
    """Run `imfn train` with `arguments`, as a user would. Raises `ImfnError` where it fails."""
    command = [sys.executable, "-m", "imfn_cli", "train", *arguments]
    # What it prints about its result is not ours.
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
        raise ImfnError(f"imfn train {' '.join(arguments)}: failed, see above")


def second_half(
    source: Source,
    start: int,
    stop: int | None,
    models: Sequence[str],
    ratios: Sequence[int],
    qualities: Sequence[int],
    *,
    gop: int,
    jobs: int,
    cache: Path | None,
) -> dict[str, list[Row]]:
    """Rows of every model, by its name as given, and of x264, on frames start … stop − 1 of `source`.

    group: as `imfn compress` takes it. Raises `ImfnError` where something cannot be measured.
    """
    clips = clips_of([source], start, stop)
    peers = sweep("x264")
    found: dict[str, list[Row]] = {}
    for model in models:
        settings = settings_of(ratios, qualities, gop=gop, against=() if found else peers)
        done = evaluate(clips, settings, model=model, jobs=jobs, cache=cache).whole()
        if not found:
            found["x264"] = [row for row in done.rows if row.codec != IMFN]
        found[model] = [row for row in done.rows if row.codec == IMFN]
    return found


def compared(rows: dict[str, list[Row]], anchors: Sequence[str]) -> list[Delta]:
    """Every curve, the best of its ratios at each rate, against each of `anchors`."""
    curves = {name: best(points_of(some)) for name, some in rows.items()}
    clip = next(iter(rows.values()))[0].clip
    return [
        delta(curves[anchor], curve, clip=clip, names=(anchor, name))
        for anchor in anchors
        for name, curve in curves.items()
        if name != anchor
    ]
