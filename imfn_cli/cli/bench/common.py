"""What the benchmarks share: the clips they run on, and where their results go."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ... import media, zoo
from ...errors import InputError
from ...system.files import writing

if TYPE_CHECKING:
    from ...media import Source

Clips = Annotated[
    list[str] | None,
    typer.Argument(metavar="[CLIPS]...", help="Default: ucf101/test in the data folder."),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", envvar="IMFN_DATA", help="Data folder, with ucf101 and mnist."),
]
Results = Annotated[
    Path, typer.Option("--results", metavar="DIR", help="Folder for the CSV files and any pictures.")
]
Quick = Annotated[bool, typer.Option("--quick", help="A first look: fewer clips, shorter runs.")]
# Clips of a quick look.
_FEW = 4


def benchmark_sources(
    clips: Sequence[str] | None, data: Path | None, *, quick: bool = False
) -> "list[Source]":
    """The sources of `clips`, by default of the UCF-101 test clips below `data`.

    quick: only the first four, for a first look. Raises `InputError` where there are none.
    """
    if not clips:
        folder = None if data is None else data / "ucf101/test"
        if folder is None or not folder.is_dir():
            raise InputError(
                "no UCF-101 test clips here; name clips, or say with --data (or set IMFN_DATA to) a folder "
                "with ucf101/test"
            )
        clips = [str(folder)]
    sources = media.expand_inputs(clips)
    return sources[:_FEW] if quick else sources


def make_folder(folder: Path) -> None:
    """Make `folder` and those above it, where they are not there. Raises `OutputError`."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def model_name(model: str | None) -> str:
    """What results of a model are filed under: the name in its configuration, else its folder's.

    Of the newest of its kind it goes without a version.
    """
    folder = zoo.find_model(model)
    return zoo.short_name(str(zoo.read_config(folder).get("name", folder.name)))


def table_name(model: str, gop: int) -> str:
    """What a table of a model's files is called after; those without GOPs end in "-alone"."""
    return model if gop else f"{model}-alone"
