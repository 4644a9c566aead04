"""`imfn bench coder`: fits what the coder of adaptive forests knows before it begins."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ... import codec, media, zoo
from ...errors import InputError
from ...system.files import check_output
from .. import options
from ..output import Output

if TYPE_CHECKING:
    import numpy as np


def coder(
    clips: Annotated[list[str], typer.Argument(help="Training clips, or directories of them.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.npz", help="Tables to write.")],
    model: options.Model = None,
    number: Annotated[int, typer.Option(min=1, help="Clips, evenly picked of those there are.")] = 20,
    frames: Annotated[int, typer.Option(min=2, help="First frames of each.")] = 33,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Fit the adaptive coder's tables to training clips: relations of channels, loop filter, contexts.

    The tables are part of the format: with others, files cannot be read. This is how those that ship were
    made.
    """
    out = Output(json)
    check_output(output, force=force)
    sources = media.expand_inputs(clips)
    sources = sources[:: max(1, len(sources) // number)][:number]
    pixels = [clip for clip in (_first(source, frames) for source in sources) if len(clip) > 1]
    if not pixels:
        raise InputError("none of the clips has two frames")
    with out.stages("encodes") as progress:
        codec.fit_adaptive_tables(
            pixels, zoo.load(model), output, lambda done, total: progress("encodes", done, total)
        )
    size = output.stat().st_size
    out.result(
        {"path": str(output), "clips": len(pixels), "bytes": size},
        f"{output}: {size:,} bytes, from {len(pixels)} clips",
    )


def _first(source: "media.Source", frames: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    import numpy as np

    with media.open_sequence(source) as sequence:
        return np.stack([frame.pixels for frame in islice(sequence, frames)])
