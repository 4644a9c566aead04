"""Random kills of a batch, by SIGKILL: its driver, a worker, its Ray cluster, until a run gets through.

    python -m tests.corpus_kills --kills 20 [--clips 60] [--ray] [--seed 1]

After each kill nothing that was finished may be gone or have changed, and no output may be half one. In the
end every output has to be what an uninterrupted run wrote, nothing may be left beside them, and a further run
has to find all of them done.
"""

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import imfn_cli as imfn
from imfn_cli.cli.main import main
from imfn_cli.corpus.manifest import NAME
from imfn_cli.system import workers

from .conftest import make_clip

_PRELOADED = ["imfn_cli.cli.compress", "imfn_cli.codec.encoder", "imfn_cli.corpus.films"]
_PATIENCE = 600.0


@dataclass
class Tally:
    """What the kills came to.   killed: kind → how often.   kept: outputs that were there at a kill."""

    killed: dict[str, int] = field(default_factory=lambda: {"driver": 0, "worker": 0, "cluster": 0})
    kept: int = 0
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        """For people."""
        told = f"WRONG: {'; '.join(self.wrong[:5])}" if self.wrong else "all as uninterrupted"
        kills = ", ".join(f"{count} of a {kind}" for kind, count in self.killed.items() if count)
        return f"kills: {kills}; {self.kept} finished outputs were there at them, each kept; {told}"


def command(words: list[str], fork: bool) -> None:
    """In the new process: what `python -m imfn_cli` does."""
    # A session of its own, by which its workers are found.
    os.setsid()
    if fork:
        # Importing PyTorch in each worker of each run takes most of the time; kills are the same.
        workers.CONTEXT = multiprocessing.get_context("fork")
    sys.argv = ["imfn", *words]
    main()


def begin(source: Path, output: Path, how: list[str]) -> multiprocessing.process.BaseProcess:
    """Start a run."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(_PRELOADED)
    words = ["compress", str(source), "-o", str(output), "--effort", "0", "--quiet", *how]
    process = server.Process(target=command, args=(words, "--ray" not in how))
    process.start()
    return process


def finished(output: Path) -> dict[str, bytes]:
    """The outputs that have their names, and what is in them."""
    return {str(path.relative_to(output)): path.read_bytes() for path in output.rglob("[!.]*.safetensors")}


def targets(session: int, kind: str) -> list[int]:
    """What of a run may be killed: its driver, its workers, or what Ray's node cannot do without."""
    if kind == "driver":
        return [session]
    found = []
    for path in Path("/proc").iterdir():
        if not path.name.isdigit() or int(path.name) == session:
            continue
        try:
            stat = (path / "stat").read_text().rsplit(")", 1)[1].split()
            called = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if int(stat[3]) != session:
            continue
        of_node = called.startswith(b"ray::") and b"Agent" in called.split(b"\0")[0]
        worker = not of_node and (called.startswith(b"ray::") or b"ray" not in called)
        if of_node if kind == "cluster" else worker:
            found.append(int(path.name))
    return found


def kill_runs(kills: int, clips: int, ray: bool, chance: random.Random, folder: Path) -> Tally:
    """Kill runs so often, over batches of so many clips."""
    source, tally = folder / "in", Tally()
    for number in range(clips):
        place = source / f"{number % 5}" / f"{number:03d}.npy"
        place.parent.mkdir(parents=True, exist_ok=True)
        np.save(place, make_clip(16, 32, 48, seed=number))
    how = ["--ray", "local", "-j", "2"] if ray else ["-j", "2"]
    first = begin(source, folder / "reference", how)
    first.join(_PATIENCE)
    assert first.exitcode == 0, "the uninterrupted run failed"
    reference = finished(folder / "reference")
    assert len(reference) == clips
    batch = 0
    while sum(tally.killed.values()) < kills:
        output = folder / f"out{batch}"
        _one_batch(source, output, how, reference, kills, chance, tally)
        batch += 1
    return tally


def _one_batch(
    source: Path,
    output: Path,
    how: list[str],
    reference: dict[str, bytes],
    kills: int,
    chance: random.Random,
    tally: Tally,
) -> None:
    kept: dict[str, bytes] = {}
    while True:
        kind = ""
        process = begin(source, output, how)
        assert process.pid is not None
        while sum(tally.killed.values()) < kills and _waited(process, output, len(reference), chance):
            # A cluster that goes away takes the run along, so seldom.
            kind = chance.choices(("driver", "worker", "cluster"), (4, 4, int("--ray" in how)))[0]
            try:
                os.kill(chance.choice(targets(process.pid, kind)), signal.SIGKILL)
            except (IndexError, ProcessLookupError):
                continue
            tally.killed[kind] += 1
            now = finished(output)
            tally.kept += len(now)
            _compare(now, reference, kept, tally)
            kept = now
            if kind != "worker":
                break
        process.join(_PATIENCE)
        if process.exitcode == 0:
            break
        if process.exitcode != {"driver": -signal.SIGKILL, "cluster": 1}.get(kind):
            tally.wrong.append(f"a run ended with code {process.exitcode}")
            return
        # Its workers see that it is gone.
        time.sleep(0.5)
    now = finished(output)
    _compare(now, reference, kept, tally)
    if now.keys() != reference.keys():
        tally.wrong.append(f"{len(reference) - len(now)} outputs are missing")
    left = [path.name for path in output.rglob("*") if path.is_file() and path.suffix != ".safetensors"]
    if left != [NAME]:
        tally.wrong.append(f"left {left}")
    states = [json.loads(line)["state"] for line in (output / NAME).read_text().splitlines()]
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*.safetensors")}
    again = begin(source, output, how)
    again.join(_PATIENCE)
    after = {path: path.stat().st_mtime_ns for path in output.rglob("*.safetensors")}
    if again.exitcode or before != after or states.count("done") < len(reference):
        tally.wrong.append("a further run did work again")


def _waited(
    process: multiprocessing.process.BaseProcess, output: Path, clips: int, chance: random.Random
) -> bool:
    """Wait until some more outputs are there, and a moment; whether the run still runs then."""
    until = len(finished(output)) + chance.randrange(max(1, clips // 4))
    while process.is_alive() and len(finished(output)) < until:
        time.sleep(0.005)
    process.join(chance.uniform(0, 0.3))
    return process.is_alive()


def _compare(
    now: dict[str, bytes], reference: dict[str, bytes], kept: dict[str, bytes], tally: Tally
) -> None:
    if gone := kept.keys() - now.keys():
        tally.wrong.append(f"{len(gone)} finished outputs are gone")
    if other := [name for name, data in now.items() if reference.get(name) != data]:
        tally.wrong.append(f"{other[0]} is not what an uninterrupted run wrote")


def run() -> int:
    """Print a line; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ray", action="store_true", help="On a local Ray cluster of two workers.")
    asked = parser.parse_args()
    imfn.load("video")
    with tempfile.TemporaryDirectory() as name:
        tally = kill_runs(asked.kills, asked.clips, asked.ray, random.Random(asked.seed), Path(name))
    print(tally.line())
    return int(bool(tally.wrong))


if __name__ == "__main__":
    sys.exit(run())
