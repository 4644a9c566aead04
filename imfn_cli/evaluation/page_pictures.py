"""Frames of clips as data URIs for the report page, within a budget of bytes."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class FramePicture(NamedTuple):
    """One frame before and after, both uint8 (H, W, 3), and its PSNR in dB.

    windows: of an adaptive forest, drawn over the frame, uint8 (H, W, 3).
    peer, peer_psnr: the same frame by way of another codec.
    """

    frame_index: int
    psnr: float
    original: NDArray[np.uint8]
    restored: NDArray[np.uint8]
    windows: NDArray[np.uint8] | None = None
    peer: NDArray[np.uint8] | None = None
    peer_psnr: float | None = None


@dataclass(frozen=True)
class ClipPictures:
    """Frames of one clip to look at, the worst first; `codec` says what restored them ("imfn 16:1 q50").

    bytes: of the clip's file.   peer, peer_bytes: the other codec at its rate factor ("x264 medium crf 27"),
    and the bytes of its packets.
    """

    clip: str
    codec: str
    frames: Sequence[FramePicture]
    bytes: int | None = None
    peer: str = ""
    peer_bytes: int | None = None


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


def encoded_pictures(
    pictures: Sequence[ClipPictures], *, budget: int, side: int
) -> tuple[list[dict[str, Any]], str]:
    """The pictures as data URIs, and a sentence on how they are encoded.

    budget: bytes of all URIs; pictures are compressed harder to fit, then fewer are shown, of each clip one
    at least.   side: pixels along a picture's longer side; larger ones are scaled down.
    """
    if not any(clip.frames for clip in pictures):
        return [], ""
    most = max(len(clip.frames) for clip in pictures)

    def encoded(encoding: _Encoding, frames: int) -> list[dict[str, Any]]:
        return [_clip(clip, frames, encoding, side) for clip in pictures]

    # Exact pictures from a camera rarely take less than a third of the bytes of their pixels.
    raw = sum(_raw(frame) for clip in pictures for frame in clip.frames)
    # The first frame of each clip tells what the others will take.
    for encoding in _ENCODINGS[raw // 3 > budget :]:
        room = budget / max(1, _length(encoded(encoding, 1)))
        if room >= most:
            break
    count = max(1, min(most, int(room)))
    shown = encoded(encoding, count)
    scaled = any(max(frame[2].shape[:2]) > side for clip in pictures for frame in clip.frames[:count])
    note = [
        f"Pictures are {encoding.name}" + (f", scaled to {side} pixels." if scaled else "."),
        "Figures were measured on the exact pixels." if scaled or encoding.kind == "jpeg" else "",
        f"Only {count} of {most} frames a clip, to keep the page small." if count < most else "",
    ]
    return shown, " ".join(sentence for sentence in note if sentence)


def _clip(clip: ClipPictures, frames: int, encoding: _Encoding, side: int) -> dict[str, Any]:
    chosen = clip.frames[:frames]
    height, width = chosen[0].original.shape[:2] if chosen else (0, 0)
    return {
        "clip": clip.clip,
        "codec": clip.codec,
        "bytes": clip.bytes,
        "peer": clip.peer,
        "peer_bytes": clip.peer_bytes,
        "width": width,
        "height": height,
        "frames": [
            {
                "index": frame.frame_index,
                "psnr": frame.psnr,
                "original": _uri(frame.original, encoding, side),
                "restored": _uri(frame.restored, encoding, side),
                "windows": None if frame.windows is None else _uri(frame.windows, encoding, side),
                "peer": None if frame.peer is None else _uri(frame.peer, encoding, side),
                "peer_psnr": frame.peer_psnr,
            }
            for frame in chosen
        ],
    }


def _raw(frame: FramePicture) -> int:
    pictures = (frame.original, frame.restored, frame.windows, frame.peer)
    return sum(picture.nbytes for picture in pictures if picture is not None)


def _length(clips: list[dict[str, Any]]) -> int:
    names = ("original", "restored", "windows", "peer")
    return sum(len(frame[name] or "") for clip in clips for frame in clip["frames"] for name in names)


def _uri(pixels: NDArray[np.uint8], encoding: _Encoding, side: int) -> str:
    """A picture, uint8 (H, W, 3), (H, W, 1) or (H, W), as a data URI."""
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if max(image.size) > side:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    with io.BytesIO() as file:
        image.save(file, encoding.kind, **encoding.options)
        return f"data:image/{encoding.kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
