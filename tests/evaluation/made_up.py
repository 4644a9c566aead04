"""Documents and pictures of evaluations that never were, for the report page."""

import itertools
import math
from typing import Any

import numpy as np

from imfn_cli.evaluation.page_pictures import ClipPictures, FramePicture

AWKWARD = '</script><b>x & "y" <!-- @EXTRAS@ \u2028.mp4'
METRICS = ["psnr_rgb", "psnr_yuv", "psnr_y", "ssim", "ms_ssim"]
FIELDS = [*METRICS, "bytes", "bits_per_pixel", "compress_fps", "restore_fps", "peak_memory_mb"]


def make_row(
    clip: str, codec: str, rng: np.random.Generator, *, frames: int = 40, **fields: Any
) -> dict[str, Any]:
    """A row whose quality falls with ratio, CRF and lower quality as a codec's would."""
    ratio, quality, crf = fields.get("ratio") or 1, fields.get("quality"), fields.get("crf")
    strength = 50 - (quality if quality is not None else 100) if codec == "imfn" else (crf or 30) * 1.6
    psnr = 44 - 3.2 * math.log2(ratio) - 0.06 * (strength + 50)
    bits = None if fields.get("float") else 2.4 / ratio**0.8 * 2 ** (-(strength + 50) / 30)
    per_frame = (
        psnr + np.cumsum(rng.normal(0, 0.15, frames)) + 0.4 * np.sin(np.arange(frames) * math.pi / ratio)
    )
    mean = float(per_frame.mean())
    loss = 10 ** (-mean / 22)
    row: dict[str, Any] = {
        "clip": clip,
        "codec": codec,
        "label": f"imfn {ratio}:1" if codec == "imfn" else f"{codec} medium",
        "model": "ucf101" if codec == "imfn" else None,
        "ratio": None,
        "quality": None,
        "float": False,
        "student": False,
        "crf": None,
        "options": f"-r {ratio} " + ("--float" if quality is None else f"-q {quality}")
        if codec == "imfn"
        else f"preset=medium crf={crf}",
        "frames": frames,
        "psnr_rgb": mean,
        "psnr_yuv": mean + 1.2,
        "psnr_y": mean + 0.7,
        "ssim": 1 - loss,
        "ms_ssim": 1 - loss / 3,
        "bytes": None if bits is None else int(bits * frames * 320 * 240 / 8),
        "bits_per_pixel": bits,
        "compress_fps": 41.5,
        "restore_fps": 38.25,
        "peak_memory_mb": 612.0,
        "psnr_per_frame": per_frame.tolist(),
    }
    return row | fields


def make_document(
    clips: tuple[str, ...] = (
        "Biking.avi",
        AWKWARD,
        "a/long/folder/with_a_very_long_name_that_does_not_wrap_at_all.mp4",
    ),
    ratios: tuple[int, ...] = (4, 8, 16, 32),
    qualities: tuple[int, ...] = (20, 50, 80),
    peers: tuple[str, ...] = ("x264", "x265", "av1", "vp9"),
    *,
    floats: bool = True,
    student: bool = True,
    frames: int = 40,
) -> dict[str, Any]:
    """A document as `imfn eval --json` writes it."""
    rng = np.random.default_rng(3)
    settings: list[dict[str, Any]] = []
    for ratio in ratios:
        settings += [{"codec": "imfn", "ratio": ratio, "quality": quality} for quality in qualities]
        if floats:
            settings.append(
                {"codec": "imfn", "ratio": ratio, "float": True, "label": f"imfn {ratio}:1 float"}
            )
    if student:
        settings += [{"codec": "imfn", "ratio": 16, "quality": q, "student": True} for q in qualities]
    settings += [{"codec": peer, "crf": crf} for peer in peers for crf in (18, 23, 28, 33, 38)]
    rows = [make_row(clip, rng=rng, frames=frames, **setting) for clip in clips for setting in settings]
    means = []
    for index, _ in enumerate(settings):
        gop = rows[index :: len(settings)]
        mean = {key: value for key, value in gop[0].items() if key not in ("clip", "psnr_per_frame")}
        for field in FIELDS:
            values = [row[field] for row in gop if row[field] is not None]
            mean[field] = float(np.mean(values)) if values else None
        means.append(mean)
    bd: list[dict[str, Any]] = []
    for ratio, peer, clip in itertools.product(ratios, peers, (None, *clips)):
        delta = {"clip": clip, "anchor": peer, "codec": f"imfn {ratio}:1", "note": ""}
        bd.append(delta | {"bd_rate": 12.5 * ratio - 60, "bd_psnr": 0.8 - ratio / 10, "range": [27.1, 34.9]})
        if ratio == 32:
            bd[-1] |= {
                "bd_rate": None,
                "bd_psnr": None,
                "range": None,
                "note": "the PSNR ranges do not overlap",
            }
    described = [
        {"name": clip, "frames": frames, "width": 320, "height": 240, "channels": 3, "frame_rate": 25.0}
        for clip in clips
    ]
    document = {"schema": "imfn.eval/1", "tool": "imfn 0.1.0", "clips": described}
    return document | {"rows": rows, "means": means, "bd": bd}


def make_pictures(
    clips: tuple[str, ...] = ("Biking.avi", AWKWARD),
    *,
    frames: int = 3,
    height: int = 48,
    width: int = 64,
    peer: bool = False,
) -> list[ClipPictures]:
    """Gradients, and the same in fewer levels; of a peer in still fewer."""
    y, x = np.mgrid[:height, :width]
    found = []
    for clip in clips:
        shown = []
        for index in range(frames):
            original = np.stack([x * 255 // width, y * 255 // height, (x + y + 40 * index) % 256], -1)
            restored = original // 40 * 40
            other = (original // 80 * 80).astype(np.uint8) if peer else None
            shown.append(
                FramePicture(
                    7 * index, 24.0 + index, original.astype(np.uint8), restored.astype(np.uint8),
                    peer=other, peer_psnr=20.0 + index if peer else None,
                )
            )  # fmt: skip
        named = ("x264 medium crf 27", 35_100) if peer else ("", None)
        found.append(ClipPictures(clip, "imfn 16:1 q50", shown, 35_000, *named))
    return found
