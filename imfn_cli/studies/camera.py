"""One camera's footage cut in two: what a model gains on the second half by what it saw of the first.

first half ──fit, adapt──▶ two models        second half ──compress──▶ rows of each model, and of x264
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from .. import workflows
from ..errors import InputError
from ..evaluation.bd import Delta, best_of, delta, points_of
from ..evaluation.clip import clips_of
from ..evaluation.engine import evaluate, settings_of
from ..evaluation.peers import sweep
from ..evaluation.rows import IMFN, Row
from ..evaluation.tables import write_csv, write_rows
from ..media import Source, open_sequence, open_writer
from ..network import IMFNConfig
from ..system.allocator import reuse_freed_memory
from ..zoo import read_config

#: Called as work goes on: (what is done, done, in all).
Progress = Callable[[str, int, int], None]
#: What the models are measured at, and the codec beside them.
RATIOS, QUALITIES, PEER = (16, 64), (10, 25, 40, 60), "x264"
_FIRST = "first-half.mkv"
_COLUMNS = (
    *("clip", "model", "codec", "ratio", "quality", "crf"),
    *("frames", "psnr_rgb", "bytes", "bits_per_pixel"),
)


@dataclass(frozen=True)
class Half:
    """The first half of a clip as a lossless video at `path`; the second starts at frame `start`."""

    path: Path
    start: int


@dataclass(frozen=True)
class CameraResults:
    """What was measured on the second half.

    rows: of each model by its name, and of the peer.   deltas: every curve, the best of its ratios at each
    rate, against the model before it saw the footage, and against the peer.
    """

    rows: dict[str, list[Row]]
    deltas: list[Delta]

    def table(self) -> list[dict[str, Any]]:
        """The rows as JSON values; "model" is the name, of the peer too."""
        return [{**row.to_dict(), "model": name} for name, rows in self.rows.items() for row in rows]


def first_half(source: Source, folder: Path, frames: int | None = None) -> Half:
    """Write the first half of `source`, of its first `frames` frames, into `folder`.

    Raises `InputError` where the clip has fewer than two frames or cannot be read.
    """
    with open_sequence(source, stop=frames, audio=False) as sequence:
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


def camera_models(
    half: Half, start: Path, folder: Path, *, limit: float, progress: Progress = lambda *_: None
) -> dict[str, Path]:
    """Two models of the first half, below `folder`: what they are → where they lie.

    "closed form" has the shape of the model `start`; "trained" goes on from it for `limit` seconds. One that
    is there already is taken as it is. Raises what `workflows.fit` and `workflows.adapt` do.
    """
    made = {"closed form": folder / "closed-form", "trained": folder / "trained"}
    footage = [str(half.path)]
    shape = IMFNConfig.from_dict(read_config(start)["network"])
    # Training takes and frees the same large arrays in every step.
    reuse_freed_memory()
    if not _is_model(made["closed form"]):
        workflows.fit(
            footage,
            made["closed form"],
            levels=shape.levels,
            patch=shape.patch_height,
            channels=shape.channels,
            gray=shape.in_channels == 1,
            progress=progress,
        )
    if not _is_model(made["trained"]):
        workflows.adapt(footage, made["trained"], start=str(start), time_limit=limit, progress=progress)
    return made


def _is_model(folder: Path) -> bool:
    return (folder / "config.json").is_file()


def camera_results(
    source: Source,
    start: int,
    stop: int | None,
    models: dict[str, Path],
    ratios: Sequence[int] = RATIOS,
    *,
    gop: int,
    jobs: int,
    cache: Path | None,
    progress: Progress = lambda *_: None,
) -> CameraResults:
    """Measure `models`, name → folder, and the peer on frames start … stop − 1 of `source`.

    The first model is the one that has not seen the footage.   gop: as `imfn compress` takes it.
    Raises `ImfnError` where something cannot be measured.
    """
    clips = clips_of([source], start, stop)
    rows: dict[str, list[Row]] = {}
    for name, folder in models.items():
        settings = settings_of(ratios, QUALITIES, gop=gop, against=() if rows else sweep(PEER))
        told = lambda done, total, name=name: progress(f"measuring {name}", done, total)  # noqa: E731
        found = evaluate(clips, settings, model=str(folder), jobs=jobs, cache=cache, progress=told).whole()
        if not rows:
            rows[PEER] = [row for row in found.rows if row.codec != IMFN]
        rows[name] = [row for row in found.rows if row.codec == IMFN]
    return CameraResults(rows, _deltas(rows, (next(iter(models)), PEER)))


def write_camera(folder: Path, results: CameraResults) -> None:
    """The rows and the deltas as tables. Raises `OutputError` where `folder` cannot be written."""
    write_csv(folder / "camera.csv", _COLUMNS, results.table())
    write_rows(folder / "camera-bd.csv", Delta, results.deltas)


def _deltas(rows: dict[str, list[Row]], anchors: Sequence[str]) -> list[Delta]:
    """Every curve, the best of its ratios at each rate, against each of `anchors`."""
    curves = {name: points_of(some) if name == PEER else best_of(some) for name, some in rows.items()}
    clip = next(iter(rows.values()))[0].clip
    return [
        delta(curves[anchor], curve, clip=clip, names=(anchor, name))
        for anchor in anchors
        for name, curve in curves.items()
        if name != anchor
    ]
