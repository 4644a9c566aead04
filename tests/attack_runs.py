"""Runs every command on every attack and tells what came of it.

`python -m tests.attack_runs FOLDER MODEL [NAME …]` makes the files in FOLDER, one after another, for the
model in the folder MODEL, and prints a JSON line for each command: file, command, exit code, seconds, peak
RSS in MB above what the process had, what it said, and what it left behind. `--markdown` prints the table of
docs/SECURITY.md instead; `--few`: not quite as many nodes.
"""

import contextlib
import gc
import io
import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from imfn_cli.cli.main import run
from imfn_cli.system.peak_rss import PeakRss
from imfn_cli.zoo import load

from . import attacks

#: Words of each command, `{}` the file and `{out}` a name without ending.
COMMANDS: dict[str, tuple[str, ...]] = {
    "info": ("info", "{}"),
    "verify": ("verify", "{}", "-m", "{model}"),
    "npy": ("decompress", "{}", "-o", "{out}.npy", "-m", "{model}"),
    "mp4": ("decompress", "{}", "-o", "{out}.mp4", "-m", "{model}"),
    "mkv": ("decompress", "{}", "-o", "{out}.mkv", "-m", "{model}"),
    "webm": ("decompress", "{}", "-o", "{out}.webm", "-m", "{model}"),
    "gif": ("decompress", "{}", "-o", "{out}.gif", "-m", "{model}"),
    "y4m": ("decompress", "{}", "-o", "{out}.y4m", "-m", "{model}"),
    "png": ("decompress", "{}", "-o", "{out}/", "-m", "{model}"),
    "skip": ("decompress", "{}", "-o", "{out}.npy", "-m", "{model}", "--skip-damaged"),
    "tif": ("decompress", "{}", "-o", "{out}.tif", "-m", "{model}"),
}
# Of a latent with a model inside, which is to be used.
_OWN = {
    name: tuple(word for word in words if word not in ("-m", "{model}")) for name, words in COMMANDS.items()
}
#: Of files with very many frames, which are all there.
LONG: dict[str, tuple[str, ...]] = {
    "info": COMMANDS["info"],
    "verify": COMMANDS["verify"],
    "100 frames": (*COMMANDS["npy"], "--frames", "1000:1100"),
}
#: The same of models.
MODEL_COMMANDS: dict[str, tuple[str, ...]] = {
    "info": ("info", "{}"),
    "compress": ("compress", "{clip}", "-o", "{out}.safetensors", "-r", "4", "-m", "{}"),
    "student": ("compress", "{clip}", "-o", "{out}.safetensors", "-r", "4", "--student", "-m", "{}"),
}


def runs(folder: Path, model: Path, names: set[str] | None = None) -> Iterator[dict[str, Any]]:
    """What each command makes of each file of `attacks.FILES`, or of those that are named."""
    loaded = load(model, device="cpu")
    for name, make in attacks.FILES.items():
        if names is not None and name not in names:
            continue
        path = folder / f"{name}.safetensors"
        make(path, loaded)
        size = path.stat().st_size
        for called in _commands(name):
            own = _OWN if name in attacks.EMBEDDED else COMMANDS
            words = (LONG if name in attacks.LONG else own)[called]
            yield {"file": name, "bytes": size, "command": called} | _ran(path, words, folder, model)
        path.unlink()


def _commands(name: str) -> Iterable[str]:
    if name in attacks.LONG:
        return LONG
    if name in attacks.TIMES:
        return [called for called in COMMANDS if called not in ("skip", "tif")]
    return ("info", "verify", "npy", "skip", *(("tif",) if name in attacks.ARRAYS else ()))


def model_runs(folder: Path, model: Path, clip: Path) -> Iterator[dict[str, Any]]:
    """What commands make of each model of `attacks.MODELS`, made of the one in `model`."""
    for name, path in attacks.write_models(folder, model):
        size = sum(file.stat().st_size for file in path.iterdir())
        for called, words in MODEL_COMMANDS.items():
            ran = _ran(path, words, folder, model, clip)
            yield {"file": f"model: {name}", "bytes": size, "command": called} | ran


def _ran(
    path: Path, words: tuple[str, ...], folder: Path, model: Path, clip: Path | None = None
) -> dict[str, Any]:
    place = folder / "out"
    place.mkdir()
    asked = [word.format(path, out=place / "x", model=model, clip=clip) for word in words]
    out, err = io.StringIO(), io.StringIO()
    began = time.perf_counter()
    with PeakRss() as peak, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(asked)
    seconds = time.perf_counter() - began
    left = sorted(str(one.relative_to(place)) for one in place.rglob("*"))
    shutil.rmtree(place)
    said = err.getvalue().replace(f"{folder}/", "")
    return {
        "code": code,
        "seconds": round(seconds, 2),
        "megabytes": None if peak.megabytes is None else round(peak.megabytes),
        "out": out.getvalue(),
        "said": said,
        "left": left,
    }


def _markdown(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield "| file | bytes | command | exit code | seconds | MB | what it says |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        lines = row["said"].splitlines() or row["out"].splitlines()[:1] or [""]
        said = lines[0].removeprefix("imfn: ").replace("|", "\\|")
        more = f" (and {len(lines) - 1} lines)" if len(lines) > 1 else ""
        yield (
            f"| {row['file']} | {row['bytes']:,} | {row['command']} | {row['code']} | {row['seconds']} | "
            f"{row['megabytes']} | {said}{more} |"
        )


if __name__ == "__main__":
    os.environ.pop("IMFN_DEBUG", None)
    # Measuring memory begins with collecting garbage: modules are none, but many.
    gc.freeze()
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    if "--few" in sys.argv:
        attacks.MANY = 10_000
    place, model = Path(words[0]), Path(words[1])
    place.mkdir(parents=True, exist_ok=True)
    everything = runs(place, model, set(words[2:]) or None)
    if "--markdown" in sys.argv:
        print("\n".join(_markdown(list(everything))))
    else:
        for row in everything:
            print(json.dumps(row), flush=True)
