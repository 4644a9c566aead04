"""Random kills: compress and decompress are ended by SIGKILL, their resumed runs too, until one gets through.

    python -m tests.kills --runs 50 [--frames 512] [--seed 1] [--kind "compress -r auto"] [CLIP]

Each of the kinds that it names is run so often, or, with --kills 50, until it was killed so often. What comes
out has to be what an uninterrupted run wrote, and nothing may be left beside it.
"""

import argparse
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import imfn_cli as imfn
from imfn_cli.cli.main import main

from .conftest import make_clip

_PRELOADED = [
    "imfn_cli.cli.compress",
    "imfn_cli.cli.decompress",
    "imfn_cli.codec.encoder",
    "imfn_cli.codec.restore",
]


@dataclass(frozen=True)
class Kind:
    """One command and what it writes.   words: its options.   ratio: of the latent that it restores."""

    name: str
    command: str
    output: str
    words: tuple[str, ...] = ()
    ratio: int | str = 4


KINDS = (
    Kind("compress -r auto", "compress", "clip.safetensors", ("-r", "auto", "-g", "32")),
    Kind("decompress -r auto to PNG", "decompress", "frames", ratio="auto"),
    Kind("compress", "compress", "clip.safetensors", ("-r", "4", "-g", "32")),
    Kind("compress, intra only", "compress", "clip.safetensors", ("-r", "16", "-g", "0")),
    Kind(
        "compress to a size",
        "compress",
        "clip.safetensors",
        ("-r", "4", "-g", "32", "--target-size", "400kB"),
    ),
    Kind("decompress to PNG", "decompress", "frames"),
    Kind("decompress to .npy", "decompress", "clip.npy"),
    Kind("decompress to .tif", "decompress", "clip.tif"),
    Kind("decompress to .y4m", "decompress", "clip.y4m"),
    Kind("decompress to .mkv", "decompress", "clip.mkv"),
    Kind("decompress to .mp4", "decompress", "clip.mp4"),
)


@dataclass
class Tally:
    """What the runs of one kind came to."""

    runs: int = 0
    kills: int = 0
    resumed: int = 0
    """Kills of runs that went on from a killed one."""

    wrong: list[str] = field(default_factory=list)

    def line(self, name: str) -> str:
        """For people."""
        told = f"; WRONG: {'; '.join(self.wrong[:3])}" if self.wrong else ", all as uninterrupted"
        return f"{name}: {self.runs} runs, {self.kills} kills, {self.resumed} of them of resumed runs{told}"


def kill_runs(
    kind: Kind, source: Path, runs: int, chance: random.Random, folder: Path, *, kills: int | None = None
) -> Tally:
    """Run a kind so often, each time with kills at random moments until it gets through.

    kills: end after so many of them, however few runs that takes.
    source: the clip, or a latent of it.   folder: an empty one.
    """
    reference = folder / "reference" / kind.output
    reference.parent.mkdir()
    for _ in range(2):
        # The second one knows no more waiting for the server.
        _remove(reference)
        began = time.monotonic()
        ended = _run(kind, source, reference, None)
        assert ended == 0, f"{kind.name}: failed with code {ended}"
        lasts = time.monotonic() - began
    tally = Tally()
    while tally.runs < runs if kills is None else tally.kills < kills:
        place = folder / "killed" / kind.output
        place.parent.mkdir(exist_ok=True)
        code = -9
        # The later ones get through: what is done stays done.
        for attempt in range(20):
            code = _run(kind, source, place, chance.uniform(0, lasts) * (1 + attempt / 4))
            if code != -9:
                break
            tally.kills += 1
            tally.resumed += attempt > 0
        tally.runs += 1
        if code != 0:
            tally.wrong.append(f"ended with code {code}")
        elif _bytes(reference) != _bytes(place):
            tally.wrong.append("wrote something else")
        elif (left := [path.name for path in place.parent.iterdir()]) != [kind.output]:
            tally.wrong.append(f"left {left}")
        _remove(place.parent)
    return tally


def _run(kind: Kind, source: Path, place: Path, seconds: float | None) -> int:
    """Run it with --resume, killed after so many seconds; its exit code, −9 where it was killed."""
    words = [kind.command, str(source), "-o", str(place), "--resume", "--quiet", *kind.words]
    # Forked from a server that has imported PyTorch, which takes seconds.
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(_PRELOADED)
    process = server.Process(target=_command, args=(words,))
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _command(words: list[str]) -> None:
    """In the new process: what `python -m imfn_cli` does."""
    sys.argv = ["imfn", *words]
    main()


def _bytes(path: Path) -> dict[str, bytes]:
    if path.is_dir():
        return {image.name: image.read_bytes() for image in path.iterdir()}
    return {path.suffix: path.read_bytes()}


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def kinds_of(names: Sequence[str]) -> list[Kind]:
    """The kinds of these names; all of them where there are none."""
    return [kind for kind in KINDS if not names or kind.name in names]


def run() -> int:
    """Run all kinds, print a line for each; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--frames", type=int, default=512)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", action="append", default=[])
    asked = parser.parse_args()
    chance, failed = random.Random(asked.seed), False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = asked.clip
        if clip is None:
            clip = folder / "clip.npy"
            np.save(clip, make_clip(asked.frames, 96, 128))
        latents = {ratio: folder / f"clip.{ratio}.safetensors" for ratio in (4, "auto")}
        for ratio, latent in latents.items():
            imfn.compress(clip, latent, ratio=ratio, gop=32)
        for index, kind in enumerate(kinds_of(asked.kind)):
            (place := folder / str(index)).mkdir()
            source = clip if kind.command == "compress" else latents[kind.ratio]
            tally = kill_runs(kind, source, asked.runs, chance, place, kills=asked.kills)
            print(tally.line(kind.name), flush=True)
            failed |= bool(tally.wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(run())
