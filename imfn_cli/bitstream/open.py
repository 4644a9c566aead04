"""What a file is: one answer for every command."""

from enum import StrEnum
from pathlib import Path

from ..errors import LatentError
from ..limits import DEFAULT_LIMITS, Limits
from ..system.remote import RemotePath
from .container.fading_memory import METADATA_KEY as FADING_MEMORY_KEY
from .container.fading_memory import FadingMemoryFile
from .container.growing_reader import GrowingLatent
from .container.header import METADATA_KEY
from .container.latent_reader import FinishedLatent, LatentReader
from .container.layout import metadata_of, read_layout
from .exact.array_file import ArrayFile
from .exact.array_header import METADATA_KEY as ARRAY_KEY

# A model's weights have its entropy model's tables beside them.
_TABLES_OF_A_MODEL = "entropy.counts"
#: The one metadata key of a tree's file that was fitted to arrays.
ARRAY_MODEL_KEY = "imfn_array_model"
#: The one metadata key of a student's file.
STUDENT_KEY = "imfn_student"


class Kind(StrEnum):
    """What a file or a folder is; each value is what messages call it."""

    LATENT = "latent"
    GROWING_LATENT = "growing latent"
    FADING_MEMORY = "fading memory"
    ARRAY = "array latent"
    ARRAY_MODEL = "model of arrays"
    MODEL = "model"
    STUDENT = "student"
    OTHER = "something else"


def kind_of(path: Path | RemotePath) -> Kind:
    """What a file or a folder says that it is; `OTHER` where it cannot be read. Reads the first kilobytes."""
    if isinstance(path, Path) and (path / "config.json").is_file():
        return Kind.MODEL
    try:
        with path.open("rb") as file:
            found = read_layout(file)
    except OSError:
        return Kind.OTHER
    if found is None:
        return Kind.OTHER
    layout, _ = found
    metadata = metadata_of(layout)
    if METADATA_KEY in metadata:
        return Kind.GROWING_LATENT if set(layout) == {"__metadata__", "journal"} else Kind.LATENT
    if FADING_MEMORY_KEY in metadata:
        return Kind.FADING_MEMORY
    if ARRAY_KEY in metadata:
        return Kind.ARRAY
    if ARRAY_MODEL_KEY in metadata:
        return Kind.ARRAY_MODEL
    if STUDENT_KEY in metadata:
        return Kind.STUDENT
    return Kind.MODEL if _TABLES_OF_A_MODEL in layout else Kind.OTHER


def open_file(
    path: Path | RemotePath, limits: Limits = DEFAULT_LIMITS
) -> LatentReader | FadingMemoryFile | ArrayFile:
    """Open what `imfn decompress` restores: a latent, finished or growing, a fading memory, an array latent.

    Raises `LatentError`, one line, where it is neither, damaged, or of a future version; `LimitError` where
    even what it says about itself is too large.
    """
    kind = kind_of(path)
    if kind is Kind.GROWING_LATENT:
        return GrowingLatent(path, limits)
    if kind is Kind.FADING_MEMORY:
        if isinstance(path, RemotePath):
            raise LatentError(f"{path}: a {kind}, which is read whole; copy it to this machine first")
        return FadingMemoryFile.read(path, limits)
    if kind is Kind.ARRAY:
        return ArrayFile(path, limits)
    if kind in (Kind.MODEL, Kind.STUDENT, Kind.ARRAY_MODEL):
        raise LatentError(f"{path}: a {kind}, not an imfn latent; name a file that 'imfn compress' wrote")
    # Of anything else the reader says best what is wrong with it.
    return FinishedLatent(path, limits)


def open_latent(path: Path | RemotePath, limits: Limits = DEFAULT_LIMITS) -> LatentReader:
    """Open a latent, finished or growing. Raises what `open_file` does."""
    opened = open_file(path, limits)
    if isinstance(opened, FadingMemoryFile):
        raise LatentError(f"{path}: a {Kind.FADING_MEMORY}, which has no nodes")
    if isinstance(opened, ArrayFile):
        raise LatentError(f"{path}: an {Kind.ARRAY}, which has no memories; imfn.open gives its frames")
    return opened
