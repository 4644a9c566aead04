"""Options that several commands share, declared once."""

import math
import os
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import bitstream, codec, defaults
from ..limits import DEFAULT_LIMITS, Limits
from ..system.remote import is_remote

#: As many rows at a time as this machine has cores.
JOBS = os.cpu_count() or 1
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


class DeviceName(StrEnum):
    """Where networks can compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


_MODEL = typer.Option(
    "--model",
    "-m",
    metavar="NAME|PATH",
    help="Model: a name or hash that 'imfn models' lists, a folder, or hf://org/name@revision.",
    show_default="the best that ships",
)
_WRITER = typer.Option(
    "--model",
    "-m",
    metavar="NAME|PATH",
    help="Model that wrote the latent: a name or hash, a folder, or hf://org/name@revision.",
    show_default="the one that the latent names",
)
Ratio = Annotated[
    int, typer.Option("--ratio", "-r", metavar="R", help="Frames per memory: a power of two, 1 to 64.")
]
RatioOrAuto = Annotated[
    str,
    typer.Option(
        "--ratio",
        "-r",
        metavar="R",
        help="Frames per memory: auto (an adaptive forest), or a power of two, 1 to 64.",
    ),
]
AnyRatio = Annotated[
    str | None,
    typer.Option(
        "--ratio",
        "-r",
        metavar="R",
        help="Frames per memory: auto (an adaptive forest: fewest bytes), or a power of two, 1 to 64.",
        show_default="auto; 16 with --student, and of models that can be no adaptive forest",
    ),
]
Effort = Annotated[
    int | None,
    typer.Option(
        "--effort",
        metavar="N",
        min=0,
        max=3,
        help="Time for bytes: 1 to 3 with -r auto; 0: a fixed 16:1 without GOPs, the fastest.",
        show_default=f"{defaults.EFFORT} with -r auto",
    ),
]
StreamEffort = Annotated[
    int,
    typer.Option("--effort", metavar="N", min=1, max=3, help="With -r auto: time for bytes, 1 to 3."),
]
_QUALITY = ("--quality", "-q")


def _quality(value: float | None) -> float | None:
    """A quality as files hold it. Raises a usage error."""
    if value is None:
        return None
    try:
        return bitstream.checked_quality(value)
    except ValueError as error:
        raise typer.BadParameter(str(error).removeprefix("quality ")) from None


_QUALITY_HELP = "0 to 100, in tenths; higher is better and larger."
Quality = Annotated[float, typer.Option(*_QUALITY, metavar="Q", callback=_quality, help=_QUALITY_HELP)]
QualityOrTarget = Annotated[
    float | None,
    typer.Option(
        *_QUALITY, metavar="Q", callback=_quality, help=_QUALITY_HELP, show_default=str(defaults.QUALITY)
    ),
]


def _above_zero(value: float | None) -> float | None:
    if value is not None and not 0 < value < math.inf:
        raise typer.BadParameter(f"{value:g}; name a number above 0")
    return value


def _size(text: str | None) -> str | None:
    if text is not None:
        try:
            _above_zero(codec.parse_size(text))
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    return text


TargetPsnr = Annotated[
    float | None,
    typer.Option(
        "--target-psnr",
        metavar="DB",
        callback=_above_zero,
        help="Find the quality: PSNR in RGB, mean over frames, to 0.1 dB.",
    ),
]
TargetKbps = Annotated[
    float | None,
    typer.Option(
        "--target-kbps",
        metavar="N",
        callback=_above_zero,
        help="Find the quality: 1000 bits a second, to 2%.",
    ),
]
TargetSize = Annotated[
    str | None,
    typer.Option(
        "--target-size",
        metavar="SIZE",
        callback=_size,
        help="Find the quality: bytes (500kB, 2MB, 1.5GiB), to 2%, never more.",
    ),
]
_GOP: dict[str, Any] = {
    "metavar": "N",
    "min": 0,
    "help": "Frames per group of pictures, from one intra node to the next; 0: every node is intra.",
}
Gop = Annotated[int, typer.Option("--gop", "--group", "-g", **_GOP)]
GopOfPreset = Annotated[
    int | None, typer.Option("--gop", "--group", "-g", show_default=str(defaults.GOP), **_GOP)
]


def _preset(name: str | None) -> str | None:
    if name is not None and name not in defaults.PRESETS:
        raise typer.BadParameter(f"{name!r}; choose one of {', '.join(defaults.PRESETS)}")
    return name


Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        callback=_preset,
        help="archive: the fewest bytes; stream: fast, short GOPs; dataset: any frame costs one memory. "
        "Options that are given go before.",
    ),
]
Model = Annotated[str | None, _MODEL]
ModelOfLatent = Annotated[str | None, _WRITER]
Frames = Annotated[
    str | None,
    typer.Option(
        "--frames",
        metavar="A:B",
        help="Only frames A to B-1, counted from 0. A: and :B leave one end open.",
        show_default="all",
    ),
]
NoAudio = Annotated[bool, typer.Option("--no-audio", help="Leave the sound out.")]
Device = Annotated[DeviceName, typer.Option("--device", help="Where the network computes.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Overwrite outputs that exist.")]
SkipExisting = Annotated[
    bool, typer.Option("--skip-existing", help="Leave outputs that exist as they are, and do the others.")
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on where a run with the same settings was interrupted; outputs that are whole stay.",
    ),
]
InputsAtOnce = Annotated[
    int, typer.Option("--jobs", "-j", min=1, metavar="N", help="Inputs at a time, each in its own process.")
]
Update = Annotated[
    bool,
    typer.Option(
        "--update",
        help="Make outputs anew whose source, or settings, have changed since.",
    ),
]
Manifest = Annotated[
    str | None,
    typer.Option(
        "--manifest",
        metavar="FILE",
        help="What each output was made of, as JSON lines; what is done by it is not done again.",
        show_default="imfn-manifest.jsonl in the folder of the outputs",
    ),
]


def _ray(address: str | None) -> str | None:
    if address is not None and address not in ("auto", "local") and ":" not in address:
        raise typer.BadParameter(f"{address!r}; name auto, local or ray://HOST:PORT")
    return address


Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        callback=_ray,
        help="Work on a Ray cluster: auto (this machine's), ray://HOST:PORT, or local, which begins one.",
    ),
]
Segment = Annotated[
    int,
    typer.Option(
        "--segment",
        metavar="N",
        min=0,
        help="With --jobs and --ray: films of more than 2·N frames are done in parts of about N, which are "
        "joined to the same bytes; 0: never.",
    ),
]
LimitPixels = Annotated[
    int | None,
    typer.Option(
        "--limit-pixels",
        metavar="N",
        min=1,
        help="Pixels that a frame may have. Raise limits for files that you trust.",
        show_default=f"{DEFAULT_LIMITS.pixels:,}",
    ),
]
LimitFrames = Annotated[
    int | None,
    typer.Option(
        "--limit-frames",
        metavar="N",
        min=1,
        help="Frames that may be restored from one file.",
        show_default="10^11 pixels in all, or 10^6 a byte of the file",
    ),
]
LimitMemory = Annotated[
    str | None,
    typer.Option(
        "--limit-memory",
        metavar="SIZE",
        callback=_size,
        help="RAM that a file may ask for: 500MB, 8GB.",
        show_default=f"{DEFAULT_LIMITS.memory / 1e9:.0f}GB",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print results as JSON, one line each.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
Ratios = Annotated[
    str,
    typer.Option(
        "--ratio",
        "-r",
        metavar="R,…",
        help="Ratios: powers of two from 1 to 64; auto: an adaptive forest.",
    ),
]
Qualities = Annotated[
    str, typer.Option("--quality", "-q", metavar="Q,…", help="Qualities, 0 to 100, in tenths.")
]
#: What the benchmarks measure unless told, and `imfn eval`.
RATIOS, QUALITIES = "4,8,16,32", "20,40,60"
EVAL_RATIOS, EVAL_QUALITIES = "auto,1,4,16", "30,40,50,60,70"
EvalRatios = Annotated[
    str | None,
    typer.Option(
        "--ratio",
        "-r",
        metavar="R,…",
        help="Ratios: powers of two from 1 to 64; auto: an adaptive forest.",
        show_default=EVAL_RATIOS,
    ),
]


def _cache(folder: Path | None) -> Path | None:
    # A path has one slash where an address has two.
    if folder is not None and is_remote(str(folder).replace(":/", "://", 1)):
        raise typer.BadParameter(f"{folder}: rows are kept on this machine; name a folder")
    return folder


Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        callback=_cache,
        help="Keep finished rows here; they are not computed again.",
    ),
]
Jobs = Annotated[
    int,
    typer.Option("--jobs", "-j", min=1, metavar="N", help="Rows at a time.", show_default="one per core"),
]


def limits_of(memory: str | None, pixels: int | None = None, frames: int | None = None) -> Limits:
    """The limits that options say; the others stay as they are by default."""
    return Limits(
        pixels=DEFAULT_LIMITS.pixels if pixels is None else pixels,
        memory=DEFAULT_LIMITS.memory if memory is None else codec.parse_size(memory),
        frames=frames,
    )


def checked_error(text: str) -> str:
    """An error as it was written. Raises a usage error where it is none."""
    try:
        codec.Tolerance.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--max-error") from None
    return text


def _max_error(text: str | None) -> str | None:
    return None if text is None else checked_error(text)


MaxError = Annotated[
    str | None,
    typer.Option(
        "--max-error",
        metavar="E",
        callback=_max_error,
        help="Of an array: every sample is within E of what it was; 1% is a part of its range.",
    ),
]


Fit = Annotated[
    bool,
    typer.Option(
        "--fit",
        help="Of an array: memories of a tree that is fitted to the array itself and travels with it.",
    ),
]


def check_fit(*others: object) -> None:
    """Raise a usage error where --fit stands beside what means nothing then."""
    if any(other for other in others):
        raise typer.BadParameter(
            "--fit goes without --lossless, --max-error, a target, a student or a model",
            param_hint="imfn compress",
        )


def check_guarantee(both: bool, *others: object) -> None:
    """Raise a usage error where --lossless or --max-error stands beside what means nothing then."""
    if both:
        raise typer.BadParameter("--lossless and --max-error exclude one another", param_hint="imfn compress")
    if any(other is not None for other in others):
        raise typer.BadParameter(
            "--lossless and --max-error go without -q, a target or a model", param_hint="imfn compress"
        )


def check_targets(quality: float | None, *targets: float | str | None) -> None:
    """Raise a usage error where more than one thing says the quality."""
    if sum(one is not None for one in (quality, *targets)) > 1:
        raise typer.BadParameter(
            "-q, --target-psnr, --target-kbps and --target-size exclude one another",
            param_hint="imfn compress",
        )


def parse_ratio(text: str) -> int | str:
    """A whole number, or "auto". Raises a usage error."""
    if text == defaults.AUTO:
        return text
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no ratio; name a power of two from 1 to 64, or auto", param_hint="--ratio"
        ) from None


def parse_frames(frames: str | None) -> tuple[int, int | None]:
    """'A:B' → (A, B); 'A:' and ':B' leave one end open. Raises a usage error."""
    if frames is None:
        return 0, None
    first, colon, last = frames.partition(":")
    try:
        start, stop = int(first or 0), int(last) if last else None
    except ValueError:
        colon = ""
    if not colon or start < 0 or (stop is not None and stop <= start):
        raise typer.BadParameter(
            f"{frames!r} selects no frames; write A:B with A below B, counted from 0", param_hint="--frames"
        )
    return start, stop


def parse_duration(text: str) -> float:
    """'90s', '30m', '1h30m', '45' (seconds) → seconds. Raises a usage error."""
    match = _DURATION.fullmatch(text.strip())
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    total = 3600 * hours + 60 * minutes + seconds
    if not total:
        raise typer.BadParameter(f"{text!r} is no time; write 90s, 30m or 1h30m", param_hint="--time-limit")
    return float(total)


def parse_numbers(text: str, option: str) -> list[int]:
    """'4,8' → [4, 8], each once. Raises a usage error."""
    try:
        return list(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a list of numbers such as 4,8,16", param_hint=option
        ) from None


def parse_ratios(text: str) -> list[int | str]:
    """'4,auto' → [4, "auto"], each once. Raises a usage error."""
    return list(dict.fromkeys(parse_ratio(part) for part in text.split(",")))


def parse_qualities(text: str) -> list[float]:
    """'20,40.5' → [20, 40.5], each once and in 0 … 100. Raises a usage error."""
    try:
        return list(dict.fromkeys(bitstream.checked_quality(float(part)) for part in text.split(",")))
    except ValueError as error:
        told = str(error) if "quality" in str(error) else f"{text!r} is not a list of numbers such as 20,40"
        raise typer.BadParameter(told, param_hint="--quality") from None
