"""Where outputs go, told before any work is done."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import InputError, OutputError
from ..media.sources.formats import format_of_name
from ..media.sources.inputs import Source
from ..system.files import check_output
from ..system.pipes import is_standard

LATENT_ENDING = ".safetensors"


def latent_place(source: Source, output: str | Path | None = None, *, force: bool = False) -> Path:
    """Where the latent of `source` goes: `output`, or beside it. Raises an ImfnError if it cannot."""
    place = latent_path(source, output)
    check_output(place, force=force)
    return place


def latent_path(source: Source, output: str | Path | None = None) -> Path:
    """`latent_place`, before anything is looked up there but whether it is the source itself."""
    place = source.default_output(LATENT_ENDING) if output is None else Path(output)
    if any(_same_file(place, path) for path in source.paths):
        if output is None:
            raise InputError(f"{source.name}: is a latent by its name; 'imfn decompress' restores it")
        raise _is_the_input(place)
    _check_name(place)
    return place


def _check_name(place: Path) -> None:
    """Raise OutputError where a name says that the file holds frames, which a latent does not."""
    if format_of_name(place) is not None:
        latent = place.with_suffix(LATENT_ENDING).name
        raise OutputError(f"{place}: names no latent; write -o {latent}, which 'imfn decompress' restores")


def stream_place(source: object, output: str | Path | None = None, *, force: bool = False) -> Path:
    """Where the latent of a stream goes: `output`, or NAME.safetensors in the current directory.

    Raises OutputError if it cannot, or is the source itself.
    """
    if output is not None:
        place = Path(output)
    elif isinstance(source, str | Path):
        place = Path(f"{_stream_name(str(source))}{LATENT_ENDING}")
    else:
        raise OutputError("frames: have no name to go by; say where to write with output=")
    _check_name(place)
    check_output(place, force=force)
    if isinstance(source, str | Path) and _same_file(place, Path(source)):
        raise _is_the_input(place)
    return place


def restored_place(latent: Path, output: str | Path | None, kind: str) -> str | Path:
    """Where the frames of a latent go: `output`, or clip.restored.mp4 beside it.

    kind: of the source, as `Header.source_kind` says: animations, arrays and images come back as such.
    "-" is standard output. Raises OutputError if that is the latent itself.
    """
    if output is not None and is_standard(output):
        return output
    ending = {"animation": ".gif", "array": ".npy", "idx": ".npy", "images": ""}.get(kind, ".mp4")
    stem = latent.name.removesuffix(LATENT_ENDING)
    beside = str(latent.with_name(f"{stem}.restored{ending}")) + ("/" if not ending else "")
    place = beside if output is None else output
    if _same_file(Path(place), latent):
        raise _is_the_input(place)
    return place


def array_place(latent: Path, output: str | Path | None, kind: str, format: str | None = None) -> str | Path:
    """Where an array goes: `output`, or stack.restored.npy beside its latent; of TIFF, HDF5 and Zarr as such.

    Of a video that is .mkv, of a folder of images frames.restored/. format: its ending, whatever `kind` is.
    Raises OutputError if that is the latent itself.
    """
    stem = latent.name.removesuffix(LATENT_ENDING)
    if output is None and format is None and kind == "folder":
        return f"{latent.with_name(f'{stem}.restored')}/"
    ending = format or {"images": "tif", "hdf5": "h5", "zarr": "zarr", "video": "mkv"}.get(kind, "npy")
    place = latent.with_name(f"{stem}.restored.{ending}") if output is None else output
    if not is_standard(place) and _same_file(Path(place), latent):
        raise _is_the_input(place)
    return place


def _is_the_input(place: str | Path) -> OutputError:
    return OutputError(f"{place}: is the input itself; choose another output with -o")


def _same_file(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _stream_name(source: str) -> str:
    """What a source is called: the last part of its path, or its host; never a password."""
    if source == "-":
        return "stdin"
    if "://" in source:
        try:
            address = urlsplit(source)
            source = Path(address.path).stem or address.hostname or ""
        except ValueError:
            source = ""
    elif not source.startswith("camera:"):
        return Path(source).stem or "stream"
    return re.sub(r"[^\w.-]+", "-", source).strip("-.") or "stream"
