"""The page of `imfn eval --report`: one HTML file with its data, pictures and script inside.

`report.html` beside this module is the page without data. It asks the network for nothing, and its content
security policy forbids it to.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from ..system.files import replacing, writing
from .page_pictures import ClipPictures, encoded_pictures
from .peers import PEERS
from .window_picture import COLOURS


@dataclass(frozen=True)
class PageLimits:
    """How large a page becomes.

    picture_bytes: of all pictures, as text; with more to show, they are compressed harder, then fewer.
    picture_side: pixels along a picture's longer side; larger ones are scaled down.
    frame_values: PSNR values of single frames; of more, means over equal runs of frames stand there.
    """

    picture_bytes: int = 12 << 20
    picture_side: int = 1920
    frame_values: int = 400_000


_LIMITS = PageLimits()


def write_report(
    path: Path, document: dict[str, Any], pictures: Sequence[ClipPictures], *, force: bool = False
) -> None:
    """Write the page of `document`, the JSON document of `imfn eval`, to `path`.

    The page carries the document whole, except that per-frame PSNR is rounded to 0.01 dB (and averaged over
    runs of frames in long clips) and a value that is not finite becomes null. Raises `OutputError` when
    `path` exists (without `force`) or cannot be written; nothing is left then.
    """
    with replacing(path, force=force) as temporary:
        page = render(document, pictures)
        with writing(path):
            temporary.write_text(page, encoding="utf-8")


def render(document: dict[str, Any], pictures: Sequence[ClipPictures], limits: PageLimits = _LIMITS) -> str:
    """The page as text."""
    document, run = _thinned(document, limits.frame_values)
    shown, note = encoded_pictures(pictures, budget=limits.picture_bytes, side=limits.picture_side)
    extras = {
        "frames_per_point": run,
        "pictures": shown,
        "pictures_note": note,
        "window_colours": COLOURS,
        "peers": _peer_styles(),
    }
    template = files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    # Split, not replaced one after another: a clip may be named like a placeholder.
    before, rest = template.split("@DOCUMENT@")
    between, after = rest.split("@EXTRAS@")
    return "".join((before, _script_json(document), between, _script_json(extras), after))


def _peer_styles() -> dict[str, dict[str, str]]:
    """How the page draws each peer."""
    return {
        name: {"colour": peer.colour, "dark_colour": peer.dark_colour, "mark": peer.mark}
        for name, peer in PEERS.items()
    }


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


def _thinned(document: dict[str, Any], most: int) -> tuple[dict[str, Any], int]:
    """`document` with at most `most` values of per-frame PSNR, and how many frames each value stands for."""
    rows = document.get("rows") or []
    count = sum(len(row.get("psnr_per_frame") or ()) for row in rows)
    run = max(1, math.ceil(count / most))
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
