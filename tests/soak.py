"""A stream for as long as one likes, as fast as it goes: does its memory stay, is any frame lost?

    python -m tests.soak --minutes 30 [--size 64x48] [--ratio 4] [--forget] [--model video-linear]

Made-up frames go through `imfn.stream`. A JSON line every `--every` seconds: frames, seconds, resident memory
in MB, bytes of the file. At the end: the largest resident memory of each fifth of the time. Exit code 1 where
the last one is more than 5% above the second (the first is warm-up), or a frame is lost.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import imfn_cli as imfn
from imfn_cli.bitstream import open_latent
from imfn_cli.system.peak_rss import resident_megabytes

from .conftest import make_clip

#: What the resident memory may grow by after the warm-up.
GROWTH = 1.05


def made_up(height: int, width: int) -> Iterator[np.ndarray]:
    """Frames without an end, no two of them alike for hours."""
    clip, t = make_clip(64, height, width), 0
    while True:
        yield np.roll(clip[t % 64], (t // 64 % height, t // 64 // height % width), axis=(0, 1))
        t += 1


def soak(
    output: Path, minutes: float, size: tuple[int, int], *, every: float = 10.0, **how: Any
) -> list[dict[str, float]]:
    """Stream for so many minutes; what was seen, `every` so many seconds and at the end.

    how: of `imfn.stream`. The last line has the frames that are in the file.
    """
    began, seen = time.monotonic(), list[dict[str, float]]()

    def look(live: Any) -> None:
        now = time.monotonic() - began
        if not seen or now >= seen[-1]["seconds"] + every:
            resident = resident_megabytes() or 0.0
            seen.append({"seconds": now, "frames": live.frames, "megabytes": resident, "bytes": live.bytes})
            print(json.dumps(seen[-1]), flush=True)

    report = imfn.stream(
        made_up(*size),
        output,
        rate=25,
        stopping=lambda: time.monotonic() - began > 60 * minutes,
        progress=look,
        **how,
    )
    if not how.get("forget"):
        assert open_latent(output, imfn.Limits(frames=1 << 40, memory=1 << 40)).header.frames == report.frames
    return seen


def fifths(seen: list[dict[str, float]]) -> list[float]:
    """The largest resident memory, in MB, of each fifth of the time."""
    last = seen[-1]["seconds"]
    parts: list[list[float]] = [[] for _ in range(5)]
    for one in seen:
        parts[min(4, int(5 * one["seconds"] / last))].append(one["megabytes"])
    return [max(part, default=0.0) for part in parts]


def main() -> int:
    """Run it; 1 if memory grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--size", default="64x48")
    parser.add_argument("--ratio", default="4")
    parser.add_argument("--forget", action="store_true")
    parser.add_argument("--model", default="video-linear")
    parser.add_argument("--every", type=float, default=10)
    asked = parser.parse_args()
    width, height = map(int, asked.size.split("x"))
    ratio = asked.ratio if asked.ratio == "auto" else int(asked.ratio)
    with tempfile.TemporaryDirectory() as name:
        how = {"ratio": ratio, "model": asked.model, "forget": asked.forget}
        place = Path(name) / "live.safetensors"
        seen = soak(place, asked.minutes, (height, width), every=asked.every, **how)
    found = fifths(seen)
    grown = found[4] > GROWTH * found[1]
    print(json.dumps({"megabytes_by_fifths": found, "frames": seen[-1]["frames"], "grows": grown}))
    return int(grown)


if __name__ == "__main__":
    sys.exit(main())
