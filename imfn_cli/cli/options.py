"""Options that several commands share, declared once."""

from typing import Annotated

import typer

from ..errors import InputError

Model = Annotated[
    str | None,
    typer.Option("--model", "-m", metavar="NAME|PATH", help="Model by name (see 'imfn models'), folder or hf:// id."),
]
Frames = Annotated[
    str | None, typer.Option("--frames", metavar="A:B", help="Only frames A to B - 1, counted from 0; A: or :B too.")
]
Device = Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda or mps.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Overwrite outputs that exist.")]
Json = Annotated[bool, typer.Option("--json", help="Print results as one JSON line each.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]


def parse_frames(frames: str | None) -> tuple[int, int | None]:
    """'A:B' → (A, B); 'A:' and ':B' leave one end open. Raises a usage error."""
    if frames is None:
        return 0, None
    first, colon, last = frames.partition(":")
    try:
        if not colon:
            raise ValueError
        start, stop = int(first or 0), int(last) if last else None
        if start < 0 or (stop is not None and stop <= start):
            raise ValueError
    except ValueError:
        raise typer.BadParameter(f"{frames!r} is no selection of frames; write A:B with A < B", param_hint="--frames") from None
    return start, stop


def several(names: list[str]) -> None:
    """Raise `InputError` where no input was found at all."""
    if not names:
        raise InputError("no input found; name a file or a directory")
