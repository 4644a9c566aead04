"""The document of `imfn eval` as tables for people; `imfn bench codecs` prints them as well."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from ..evaluation.peers import PEERS

# Column → (its title, decimals).
_COLUMNS = {
    "psnr_rgb": ("PSNR RGB", 2),
    "psnr_yuv": ("YUV", 2),
    "psnr_y": ("Y", 2),
    "ssim": ("SSIM", 4),
    "ms_ssim": ("MS-SSIM", 4),
    "bits_per_pixel": ("bits/pixel", 4),
    "compress_fps": ("compress/s", 0),
    "restore_fps": ("restore/s", 0),
    "peak_memory_mb": ("MB", 0),
}


def tables(document: dict[str, Any]) -> list[Table | str]:
    """The means, and the Bjøntegaard deltas where there are any."""
    clips, environment = len({row["clip"] for row in document["rows"]}), document["environment"]
    jobs, ray = environment["jobs"], environment["ray"]
    where = f"{jobs} rows at a time" if ray in (None, "local") else f"on the Ray cluster {ray}"
    model = next((row["model"] for row in document["rows"] if row["model"]), "")
    means = Table("codec", "", title=f"mean over {clips} clip{'s' if clips != 1 else ''}, model {model}")
    # Without its package, or for gray clips, a measure has no value anywhere.
    columns = {
        name: column
        for name, column in _COLUMNS.items()
        if any(mean[name] is not None for mean in document["means"])
    }
    for title, _ in columns.values():
        means.add_column(title, justify="right")
    for mean in document["means"]:
        knob = f"crf {mean['crf']}" if mean["crf"] is not None else ""
        knob = f"q{mean['quality']}" if mean["quality"] is not None else knob
        cells = (
            "–" if mean[name] is None else f"{mean[name]:.{places}f}" for name, (_, places) in columns.items()
        )
        means.add_row(mean["label"], knob, *cells)
    of_ssim = ", SSIM of that Y" if "ssim" in columns else ""
    notes = [
        f"PSNR in dB; Y and YUV (6 Y + U + V) / 8 of BT.601 8-bit 4:4:4{of_ssim}. "
        f"Frames a second on one compute thread, {where}; MB: peak RSS above the idle process."
    ]
    return [means, *notes, *_bd_tables(document)]


def _bd_tables(document: dict[str, Any]) -> list[Table | str]:
    deltas = document["bd"]
    if not deltas:
        return []
    anchors = list(dict.fromkeys(delta["anchor"] for delta in deltas))
    found = {(delta["clip"], delta["anchor"], delta["codec"]): delta for delta in deltas}
    codecs = list(dict.fromkeys(delta["codec"] for delta in deltas))
    clips = list(dict.fromkeys(delta["clip"] for delta in deltas if delta["clip"] is not None))
    overview = Table("codec", *anchors, title="BD-rate, BD-PSNR against each codec, mean over clips")
    for codec in codecs:
        overview.add_row(codec, *(_cell(found[None, anchor, codec]) for anchor in anchors))
    each = Table("clip", *anchors, title=f"{codecs[-1]}, clip by clip")
    for clip in clips:
        each.add_row(clip, *(_cell(found[clip, anchor, codecs[-1]]) for anchor in anchors))
    used = _options([mean for mean in document["means"] if mean["codec"] in anchors])
    reasons = dict.fromkeys(
        f"{delta['clip']}, {delta['codec']} against {delta['anchor']}: {delta['note']}"
        for delta in deltas
        if delta["note"] and delta["clip"] is not None and (delta["codec"] == codecs[-1] or len(clips) == 1)
    )
    method = "Bits more (+) or fewer (−) for the same PSNR RGB; dB more or less for the same bits. "
    return [
        overview,
        *([each] if len(clips) > 1 else []),
        f"{method}{document['bd_method']}.",
        *reasons,
        *used,
    ]


def _options(means: Sequence[dict[str, Any]]) -> list[str]:
    """The exact options of each peer, one line for all its CRFs."""
    lines = []
    for label in dict.fromkeys(mean["label"] for mean in means):
        here = [mean for mean in means if mean["label"] == label]
        option = f"-{PEERS[here[0]['codec']].crf_option} "
        crfs = ",".join(str(mean["crf"]) for mean in here)
        lines.append(
            f"{label}: " + here[0]["options"].replace(f"{option}{here[0]['crf']}", f"{option}{crfs}")
        )
    return lines


def _cell(delta: dict[str, Any]) -> str:
    rate = "no overlap" if delta["bd_rate"] is None else f"{delta['bd_rate']:+.1f} %"
    return rate + ("" if delta["bd_psnr"] is None else f", {delta['bd_psnr']:+.2f} dB")
