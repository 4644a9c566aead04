"""The page of `imfn eval --report`: one HTML file with its data, pictures and script inside.

`report.html` beside this module is the page without data. It asks the network for nothing, and its content
security policy forbids it to.
"""

import base64
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..system.files import replacing, writing

#: Bytes of pictures in a page, as text; with more to show, pictures are compressed harder, then fewer.
PICTURE_BYTES = 12 << 20
#: PSNR values of single frames in a page; of more, means over equal runs of frames are kept.
FRAME_VALUES = 400_000
#: Pixels along a picture's longer side; larger ones are scaled down.
LONGEST_SIDE = 1920


class FramePicture(NamedTuple):
    """One frame before and after, both uint8 (H, W, 3), and its PSNR in dB."""

    frame_index: int
    psnr: float
    original: NDArray[np.uint8]
    restored: NDArray[np.uint8]


@dataclass(frozen=True)
class ClipPictures:
    """Frames of one clip to look at, the worst first; `codec` says what restored them ("imfn 16:1 q50")."""

    clip: str
    codec: str
    frames: Sequence[FramePicture | tuple[int, float, NDArray[np.uint8], NDArray[np.uint8]]]


def write_report(
    path: Path, document: dict[str, Any], pictures: Sequence[ClipPictures], *, force: bool = False
) -> None:
    """Write the page of `document`, the JSON document of `imfn eval`, to `path`.

    The page carries the document whole, except that per-frame PSNR is rounded to 0.01 dB (and averaged over
    runs of frames beyond `FRAME_VALUES`) and a value that is not finite becomes null. Raises `OutputError`
    when `path` exists (without `force`) or cannot be written; nothing is left then.
    """
    with replacing(path, force=force) as temporary:
        page = render(document, pictures)
        with writing(path):
            temporary.write_text(page, encoding="utf-8")


def render(document: dict[str, Any], pictures: Sequence[ClipPictures]) -> str:
    """The page as text."""
    document, run = _thinned(document)
    shown, note = _pictures(pictures)
    extras = {"frames_per_point": run, "pictures": shown, "pictures_note": note}
    template = files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    # Split, not replaced one after another: a clip may be named like a placeholder.
    before, rest = template.split("@DOCUMENT@")
    between, after = rest.split("@EXTRAS@")
    return "".join((before, _script_json(document), between, _script_json(extras), after))


def _script_json(value: Any) -> str:
    """`value` as JSON that may stand inside <script>: nothing in it can end the element or open a comment."""
    text = json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    # Half a surrogate pair (a file name that is no UTF-8) cannot be written; as an escape it can.
    return "".join(c if not "\ud800" <= c <= "\udfff" else f"\\u{ord(c):04x}" for c in text)


def _finite(value: Any) -> Any:
    """`value` with null for numbers that JSON does not have, and Python's own kinds for numpy's."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_finite(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


# -- PSNR of single frames -----------------------------------------------------------------------------------


def _thinned(document: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """`document` with per-frame PSNR short enough for a page, and how many frames each value stands for."""
    rows = document.get("rows") or []
    count = sum(len(row.get("psnr_per_frame") or ()) for row in rows)
    run = max(1, math.ceil(count / FRAME_VALUES))
    short = [
        {**row, "psnr_per_frame": _means(row["psnr_per_frame"], run)} if row.get("psnr_per_frame") else row
        for row in rows
    ]
    return {**document, "rows": short}, run


def _means(values: Sequence[float | None], run: int) -> list[float | None]:
    """Means over `run` values at a time, to 0.01; None where a run has no finite value."""
    means: list[float | None] = []
    for start in range(0, len(values), run):
        known = [value for value in values[start : start + run] if value is not None and math.isfinite(value)]
        means.append(round(sum(known) / len(known), 2) if known else None)
    return means


# -- pictures ------------------------------------------------------------------------------------------------


class _Encoding(NamedTuple):
    name: str
    kind: str
    options: dict[str, Any]


# JPEG without chroma subsampling, since lost colour is one of the things to look for; best first.
_ENCODINGS = [
    _Encoding("PNG, exact to the pixel", "png", {}),
    *(
        _Encoding(
            f"JPEG of quality {quality}", "jpeg", {"quality": quality, "subsampling": 0, "optimize": True}
        )
        for quality in (96, 92, 85, 75)
    ),
]


def _pictures(pictures: Sequence[ClipPictures]) -> tuple[list[dict[str, Any]], str]:
    """The pictures as data URIs within `PICTURE_BYTES`, and a sentence on how they are stored."""
    if not any(clip.frames for clip in pictures):
        return [], ""
    most = max(len(clip.frames) for clip in pictures)

    def encoded(encoding: _Encoding, frames: int) -> list[dict[str, Any]]:
        return [_clip(clip, frames, lambda pixels: _uri(pixels, encoding)) for clip in pictures]

    # Exact pictures from a camera rarely take less than a third of the bytes of their pixels.
    raw = sum(frame[2].nbytes + frame[3].nbytes for clip in pictures for frame in clip.frames)
    # The first frame of each clip tells what the others will take.
    for encoding in _ENCODINGS[raw // 3 > PICTURE_BYTES :]:
        room = PICTURE_BYTES / max(1, _length(encoded(encoding, 1)))
        if room >= most:
            break
    kept = max(1, min(most, int(room)))
    shown = encoded(encoding, kept)
    scaled = any(max(frame[2].shape[:2]) > LONGEST_SIDE for clip in pictures for frame in clip.frames[:kept])
    note = [
        f"Pictures are {encoding.name}" + (f", scaled to {LONGEST_SIDE} pixels." if scaled else "."),
        "Figures were measured on the exact pixels." if scaled or encoding.kind == "jpeg" else "",
        f"Only {kept} of {most} frames a clip, to keep the page small." if kept < most else "",
    ]
    return shown, " ".join(sentence for sentence in note if sentence)


def _clip(clip: ClipPictures, frames: int, uri: Callable[[NDArray[np.uint8]], str]) -> dict[str, Any]:
    chosen = [FramePicture(*frame) for frame in clip.frames[:frames]]
    height, width = chosen[0].original.shape[:2] if chosen else (0, 0)
    return {
        "clip": clip.clip,
        "codec": clip.codec,
        "width": width,
        "height": height,
        "frames": [
            {
                "index": frame.frame_index,
                "psnr": frame.psnr,
                "original": uri(frame.original),
                "restored": uri(frame.restored),
            }
            for frame in chosen
        ],
    }


def _length(clips: list[dict[str, Any]]) -> int:
    return sum(len(f["original"]) + len(f["restored"]) for clip in clips for f in clip["frames"])


def _uri(pixels: NDArray[np.uint8], encoding: _Encoding) -> str:
    """A picture, uint8 (H, W, 3), (H, W, 1) or (H, W), as a data URI."""
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if max(image.size) > LONGEST_SIDE:
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    with io.BytesIO() as file:
        image.save(file, encoding.kind, **encoding.options)
        return f"data:image/{encoding.kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
