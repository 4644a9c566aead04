"""Random kills: commands are ended by SIGKILL, the runs that follow too, until one gets through.

    python -m tests.kills --runs 50 [--frames 512] [--seed 1] [--kind "compress -r auto"] [CLIP]

Each of the kinds that it names is run so often, or, with --kills 50, until it was killed so often. What comes
out has to be what an uninterrupted run wrote, and nothing may be left beside it.
Streams and training are looked at after each kill too.
"""

import argparse
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import imfn_cli as imfn
from imfn_cli.cli.main import main

from .cli.conftest import recipe_text
from .conftest import make_clip
from .kill_checks import grown, held_frames, no_half_model

_PRELOADED = [
    "imfn_cli.cli.compress",
    "imfn_cli.cli.decompress",
    "imfn_cli.codec.encoder",
    "imfn_cli.codec.restore",
    "imfn_cli.cli.stream",
    "imfn_cli.codec.stream",
    "imfn_cli.cli.train",
    "imfn_cli.training.run",
]
_WEIGHTS = "model.safetensors"
# Of training: it goes on where they are, else it begins anew.
_CHECKPOINTS = ("training/stages.pt", "training/checkpoint.pt")


@dataclass(frozen=True)
class Kind:
    """One command and what it writes.   words: its options.   ratio: of the latent that it restores.

    check: what is wrong with the output after a kill, beside what an uninterrupted run wrote; None: nothing.
    held: which file it is and what it holds, of which a kill takes nothing away.
    """

    name: str
    command: str
    output: str
    words: tuple[str, ...] = ()
    ratio: int | str = 4
    check: Callable[[Path, Path], str | None] = lambda place, whole: None
    held: Callable[[Path], tuple[int, int]] = lambda place: (0, 0)

    def asked(self, source: Path, place: Path) -> list[str]:
        """The words of a run, which may follow others that have been killed."""
        written = [self.command, str(source), "-o", str(place), "--quiet", *self.words]
        if self.command == "stream":
            return [*written, "--force"]
        if self.command == "train":
            begun = any((place / name).exists() for name in _CHECKPOINTS)
            return ["train", "--resume", "-o", str(place), "--quiet"] if begun else [*written, "--force"]
        return [*written, "--resume"]


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
    *(
        Kind(
            name, "stream", "live.safetensors", ("-m", "video-linear", *words), check=grown, held=held_frames
        )
        for name, words in (
            ("stream", ("-r", "4")),
            ("stream -r auto", ("-r", "auto", "--effort", "1")),
            ("stream -r auto --low-delay", ("-r", "auto", "--effort", "1", "--low-delay")),
            ("stream --forget", ("--forget", "--sync", "0")),
        )
    ),
    Kind(
        "train --linear", "train", "model", ("--linear", "--levels", "2", "--patch", "4"), check=no_half_model
    ),
    Kind("train", "train", "model", check=no_half_model),
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
        ended, _ = _run(kind, source, reference, None)
        assert ended == 0, f"{kind.name}: failed with code {ended}"
        lasts = time.monotonic() - began
    tally = Tally()
    while tally.runs < runs if kills is None else tally.kills < kills:
        place = folder / "killed" / kind.output
        place.parent.mkdir(exist_ok=True)
        code = -9
        # The later ones get through: what is done stays done.
        for attempt in range(20):
            code, lost = _run(kind, source, place, chance.uniform(0, lasts) * (1 + attempt / 4))
            if code != -9:
                break
            tally.kills += 1
            tally.resumed += attempt > 0
            tally.wrong += [one for one in (lost, kind.check(place, reference)) if one is not None]
        tally.runs += 1
        if code != 0:
            tally.wrong.append(f"ended with code {code}")
        elif not _alike(kind, reference, place):
            tally.wrong.append("wrote something else")
        elif (left := [path.name for path in place.parent.iterdir()]) != [kind.output]:
            tally.wrong.append(f"left {left}")
        _remove(place.parent)
    return tally


def _run(kind: Kind, source: Path, place: Path, seconds: float | None) -> tuple[int, str | None]:
    """Run it, killed after so many seconds; its exit code, −9 where it was killed, and what the kill lost."""
    words = kind.asked(source, place)
    # Forked from a server that has imported PyTorch, which takes seconds.
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(_PRELOADED)
    process = server.Process(target=_command, args=(words,))
    process.start()
    process.join(seconds)
    file, before = kind.held(place) if process.is_alive() else (0, 0)
    process.kill()
    process.join()
    assert process.exitcode is not None
    again, after = kind.held(place) if process.exitcode == -9 else (0, 0)
    # Another file than before: the run had just replaced an older one.
    return process.exitcode, "lost frames" if again == file and after < before else None


def _command(words: list[str]) -> None:
    """In the new process: what `python -m imfn_cli` does."""
    sys.argv = ["imfn", *words]
    main()


def _alike(kind: Kind, one: Path, other: Path) -> bool:
    if kind.command == "train":
        # Configuration and card say how long it took.
        names = [{path.name for path in folder.iterdir()} for folder in (one, other)]
        same = (one / _WEIGHTS).read_bytes() == (other / _WEIGHTS).read_bytes()
        return same and names[0] == names[1]
    return _bytes(one) == _bytes(other)


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
        recipe = folder / "recipe.toml"
        recipe.write_text(recipe_text(clip, steps=24))
        for index, kind in enumerate(kinds_of(asked.kind)):
            (place := folder / str(index)).mkdir()
            source = latents[kind.ratio] if kind.command == "decompress" else clip
            source = recipe if kind.name == "train" else source
            tally = kill_runs(kind, source, asked.runs, chance, place, kills=asked.kills)
            print(tally.line(kind.name), flush=True)
            failed |= bool(tally.wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(run())
