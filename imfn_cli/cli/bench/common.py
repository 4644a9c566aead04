"""What the benchmarks share: the clips they run on, and where their results go."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError
from ...system.files import writing

if TYPE_CHECKING:
    from ...media import Source


def benchmark_sources(clips: Sequence[str] | None, quick: bool) -> "list[Source]":
    """The sources of `clips`, by default of the UCF-101 test clips; the first four for a quick look.

    Raises `InputError` where there are none.
    """
    from ...media import expand_inputs

    if not clips:
        from ...training.places import data_folders

        places = [place / "ucf101/test" for place in data_folders()]
        found = next((place for place in places if place.is_dir()), None)
        if found is None:
            raise InputError(
                "no UCF-101 test clips here; name clips, or set IMFN_DATA to a folder with ucf101/test"
            )
        clips = [str(found)]
    sources = expand_inputs(clips)
    return sources[:4] if quick else sources


def make_folder(folder: Path) -> None:
    """Make `folder` and those above it, where they are not there. Raises `OutputError`."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def model_name(model: str | None) -> str:
    """What results of a model are filed under: the name in its configuration, else its folder's."""
    from ...zoo import find_model, read_config

    folder = find_model(model)
    return str(read_config(folder).get("name", folder.name))
