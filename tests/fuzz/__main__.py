"""`python -m tests.fuzz [--runs N] [--target NAME] [--corpus DIR]`: fuzz the readers.

Coverage-guided where `atheris` is installed (`pip install 'imfn[fuzz]'`), by chance alone where it is not.
Each target runs in a process of its own, which may use 2 GB. An input that comes to anything but a
documented error is kept in tests/fuzz/regression, and the exit code is 1. `--pack` puts the corpus into
corpus.zip, which the next run begins with.
"""

import argparse
import contextlib
import importlib.util
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import imfn_cli

REGRESSION = Path(__file__).parent / "regression"
#: Seconds after which an input counts as one that hangs, and megabytes that a process may use.
PATIENCE, MEGABYTES = 30, 2048
_GUIDED = ["imfn_cli.bitstream", "imfn_cli.codec", "imfn_cli.zoo"]


def main() -> int:
    """Fuzz what is asked for; the exit code."""
    asked = argparse.ArgumentParser("python -m tests.fuzz", description="Fuzz the readers.")
    asked.add_argument("--runs", type=int, default=100_000, help="of each target (100000)")
    asked.add_argument(
        "--target",
        action="append",
        help="latent, growing, fading, adaptive, array, node, motion, model, student",
    )
    asked.add_argument("--corpus", type=Path, help="a folder that keeps what was found worth going on from")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--pack", action="store_true", help="keep the corpus for later runs; needs --corpus")
    asked.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    words = asked.parse_args()
    if words.here:
        return _here(words.target[0], words.runs, words.corpus, words.seed)
    from .corpus import pack
    from .targets import TARGETS

    wrong = set(words.target or ()) - set(TARGETS)
    if wrong:
        asked.error(f"no target {', '.join(wrong)}; name one of {', '.join(TARGETS)}")
    code = 0
    for name in words.target or TARGETS:
        code |= _target(name, words.runs, words.corpus, words.seed)
    if words.pack and words.corpus is not None:
        pack(words.corpus)
    return code


def _target(name: str, runs: int, corpus: Path | None, seed: int) -> int:
    """Fuzz one target in a process of its own; 1 where it has found something."""
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        base = corpus or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        command = [sys.executable, "-m", "tests.fuzz", "--here", "--target", name, "--runs", str(runs)]
        command += ["--corpus", str(base / name), "--seed", str(seed)]
        log = stack.enter_context(tempfile.TemporaryFile())
        code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
        log.seek(0)
        said = log.read().decode(errors="replace")
        kept = len(list((base / name).iterdir()))
    if code:
        print(said[-4000:])
    how = "guided" if importlib.util.find_spec("atheris") else "by chance"
    seconds = time.monotonic() - began
    result = "FAILED, see tests/fuzz/regression" if code else "nothing found"
    print(f"{name}: {runs:,} runs {how}, {seconds:.0f} s, corpus of {kept:,}: {result}", flush=True)
    return 1 if code else 0


def _here(name: str, runs: int, corpus: Path, seed: int) -> int:
    corpus.mkdir(parents=True, exist_ok=True)
    place = REGRESSION / name
    place.mkdir(parents=True, exist_ok=True)
    if importlib.util.find_spec("atheris") is None:
        return _by_chance(name, runs, seed, place)
    _guided(name, runs, corpus, seed, place)
    return 0


def _guided(name: str, runs: int, corpus: Path, seed: int, place: Path) -> None:
    """libFuzzer, which ends the process."""
    import atheris

    with atheris.instrument_imports(include=_GUIDED, exclude=_compiled()):
        from . import targets
    from .corpus import packed
    from .mutation import mutated

    target = targets.TARGETS[name]
    seeds = target.seeds()
    for index, data in enumerate([*seeds, *packed(name)]):
        (corpus / f"seed-{index}").write_bytes(data)

    def change(data: bytes, longest: int, number: int) -> bytes:
        chance = random.Random(number)
        # Blind changes find what nobody thought of, ours get past the header.
        if chance.random() < 0.4:
            return bytes(atheris.Mutate(data, longest))
        return mutated(data, chance, seeds, longest)

    # What is compiled, or loaded, on first use may take longer than one input should.
    for data in seeds:
        target(data)
    options = [f"-runs={runs}", f"-seed={seed}", "-max_len=16384", f"-timeout={PATIENCE}"]
    options += [f"-rss_limit_mb={MEGABYTES}", f"-artifact_prefix={place}/", str(corpus)]
    atheris.Setup(["fuzz", *options], target, custom_mutator=change)
    atheris.Fuzz()


def _compiled() -> list[str]:
    """Modules of kernels: numba compiles no function that has been instrumented."""
    root = Path(imfn_cli.__file__).parent
    kernels = [path for path in root.rglob("*.py") if "compiled import" in path.read_text(encoding="utf-8")]
    return [".".join(path.relative_to(root.parent).with_suffix("").parts) for path in kernels]


def _by_chance(name: str, runs: int, seed: int, place: Path) -> int:
    from .corpus import packed
    from .mutation import mutated
    from .targets import TARGETS

    with contextlib.suppress(ImportError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (4 * MEGABYTES << 20, 4 * MEGABYTES << 20))
    target = TARGETS[name]
    seeds, chance = [*target.seeds(), *packed(name)], random.Random(seed)
    for number in range(runs):
        data = mutated(chance.choice(seeds), chance, seeds)
        if hasattr(signal, "alarm"):
            signal.alarm(PATIENCE)
        # Where it hangs or dies, the input is there.
        waiting = place / f"crash-running-{os.getpid()}"
        if number % 64 == 0 or not waiting.exists():
            waiting.write_bytes(data)
        try:
            target(data)
        except Exception:
            shutil.copyfile(waiting, place / f"crash-{name}-{seed}-{number}")
            (place / f"crash-{name}-{seed}-{number}").write_bytes(data)
            waiting.unlink()
            traceback.print_exc()
            return 1
    if hasattr(signal, "alarm"):
        signal.alarm(0)
    waiting.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
