"""Keyword arguments that the overloads of one function share; the functions say what they mean."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from ..limits import Limits

if TYPE_CHECKING:
    from fractions import Fraction

    from ..codec import Live
    from ..zoo import Model


class CompressOptions(TypedDict, total=False):
    """Of `compress`, whatever the source is."""

    model: "str | Path | Model | None"
    preset: str | None
    ratio: int | str | None
    quality: float | None
    target_psnr: float | None
    target_kbps: float | None
    target_size: int | str | None
    gop: int
    effort: int
    student: bool
    frames: tuple[int, int | None] | None
    embed_model: bool
    lossless: bool
    max_error: float | str | None
    fit: bool
    device: str
    force: bool
    verify: bool
    resume: bool
    limits: Limits
    progress: Callable[[int, int | None], None] | None
    stage: Callable[[str], None] | None


class StreamOptions(TypedDict, total=False):
    """Of `stream`, whatever it makes."""

    model: "str | Path | Model | None"
    ratio: int | str
    quality: float
    gop: int
    effort: int
    low_delay: bool
    tree: bool
    half_life: float | None
    rate: "float | str | Fraction | None"
    size: str | None
    raw: str | None
    pixel_format: str
    input_format: str | None
    timeout: float | None
    reconnect: float
    frames: int | None
    duration: float | None
    sync: float
    stopping: Callable[[], bool] | None
    device: str
    force: bool
    limits: Limits
    progress: "Callable[[Live], None] | None"
