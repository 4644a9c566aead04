"""The JSON document of `imfn eval`, which the table, the CSV file, the plot and the page are made from.

{"schema": "imfn.eval/1",
 "tool": "imfn 0.1.0",
 "environment": {"python", "torch", "libraries", "machine", "jobs", "ray"},
 "clips": [{"name", "source", "frames", "width", "height", "channels", "frame_rate", "notes"}, …],
 "rows": one per clip and setting, clip by clip: the fields of `rows.Row`,
 "means": one per setting: the fields of a row without clip, psnr_per_frame and notes, and "clips", how many
     the mean is over; frames and bytes are sums, all else is the mean over clips, null where no clip has it,
 "bd": the fields of `bd.Delta`, clip null for the mean over clips,
 "bd_method": how those were interpolated,
 "failures": [{"clip", "codec" (null: all), "error"}, …]}

Whoever changes the meaning of a field, or removes one, gives the schema another number.
"""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import torch

from ..version import __version__
from . import bd
from .engine import Evaluation
from .peer_coding import libraries
from .rows import Row

SCHEMA = "imfn.eval/1"
_SUMS = ("frames", "bytes")
_AVERAGES = (
    *("psnr_rgb", "psnr_yuv", "psnr_y", "ssim", "ms_ssim", "bits_per_pixel"),
    *("compress_fps", "restore_fps", "peak_memory_mb"),
)
_NOT_IN_MEANS = ("clip", "psnr_per_frame", "notes")
#: Columns of the CSV file: a row without its list of frames.
COLUMNS = tuple(
    "float" if field.name == "in_float" else field.name
    for field in fields(Row)
    if field.name != "psnr_per_frame"
)


def to_document(evaluation: Evaluation, *, jobs: int, ray: str | None = None) -> dict[str, Any]:
    """`evaluation` as JSON values.   jobs, ray: who measured it, as `evaluate` takes them."""
    found = bd.deltas(evaluation.rows)
    return {
        "schema": SCHEMA,
        "tool": f"imfn {__version__}",
        "environment": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "libraries": libraries(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "jobs": jobs,
            "ray": ray,
        },
        "clips": [asdict(clip) for clip in evaluation.clips],
        "rows": [row.to_dict() for row in evaluation.rows],
        "means": mean_rows(evaluation.rows),
        "bd": [delta.to_dict() for delta in found],
        "bd_method": f"Bjøntegaard, {bd.METHOD}, PSNR RGB over log10 of bits per pixel, overlapping range",
        "failures": [asdict(failure) for failure in evaluation.failures],
    }


def mean_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One row per setting, in the order of `rows`."""
    by_setting: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = (row.codec, row.label, row.model, row.ratio, row.quality, row.in_float, row.student, row.crf)
        by_setting.setdefault(key, []).append(row)
    return [_mean(same) for same in by_setting.values()]


def _mean(rows: Sequence[Row]) -> dict[str, Any]:
    values = rows[0].to_dict()
    for name in _NOT_IN_MEANS:
        del values[name]
    for name in _SUMS:
        known = [getattr(row, name) for row in rows]
        values[name] = None if None in known else sum(known)
    for name in _AVERAGES:
        known = [value for row in rows if (value := getattr(row, name)) is not None]
        values[name] = round(sum(known) / len(known), 6) if known else None
    # Where clips differ (size, colour) so may the exact options.
    values["options"] = "; ".join(dict.fromkeys(row.options for row in rows))
    return {**values, "clips": len(rows)}
