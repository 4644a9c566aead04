"""The Python API: what the commands do, as functions. The commands call these too.

Everything heavy (torch, PyAV, numpy) is imported by the first call, not with this module.
"""

import operator
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from . import defaults
from .errors import InputError, ModelError, OutputError
from .files import check_output
from .model import Model, load
from .reports import CompressReport, DecompressReport, VerifyReport

if TYPE_CHECKING:
    import numpy as np

    from .frames import Sequence, Source

#: Called as work goes on: (done so far, in all or None where that is not known).
Progress = Callable[[int, int | None], None]
#: Frames start … stop − 1, counted from 0; a stop of None means the end.
Selection = tuple[int, int | None]

LATENT_ENDING = ".safetensors"


def compress(
    source: "str | Path | Source | np.ndarray",
    output: str | Path | None = None,
    *,
    model: str | Path | Model | None = None,
    ratio: int = defaults.RATIO,
    quality: int = defaults.QUALITY,
    student: bool = False,
    frames: Selection | None = None,
    device: str = "auto",
    force: bool = False,
    progress: Progress | None = None,
) -> CompressReport:
    """Compress one sequence of frames into a latent file.

    source: a video, a directory or pattern of images, an animation, .npy/.npz, MNIST idx; or an array, uint8
        (T, H, W) or (T, H, W, 1) gray, (T, H, W, 3) RGB. Any T, H, W ≥ 1. Frames of files are streamed.
    output: the file to write; clip.mp4 → clip.safetensors beside it unless given. An array needs one.
    model: a name (`imfn models`), a folder, a hub id (hf://org/name), or what `load` gave; None: the best
        that ships.
    ratio: frames per memory, a power of two from 1 to what the model offers (64).
    quality: 0 … 100; higher is better and larger.
    student: one recurrent update per frame instead of the tree; every linear model has one, others carry
        theirs or raise `ModelError`.
    frames: (start, stop) to compress only frames start … stop − 1; a stop of None means the end.
    device: "auto", "cpu", "cuda" or "mps"; a loaded model stays where it is.
    force: overwrite `output` where it exists.

    Raises `InputError`, `OutputError`, `ModelError`, `RatioError` (all `ImfnError`, each one line that says
    what to do), ValueError for a quality outside 0 … 100. When it raises, nothing is left behind and an
    output that existed stays as it was.
    """
    ratio, quality = operator.index(ratio), operator.index(quality)
    start, stop = frames or (0, None)
    from .frames import Source

    if isinstance(source, str | Path):
        source = _one_source(source)
    if isinstance(source, Source):
        place = latent_place(source, output, force=force)
    elif output is None:
        raise OutputError("array: has no name to go by; say where to write with output=")
    else:
        place = Path(output)
        check_output(place, force=force)
    from .codec import compress_sequence

    loaded = model if isinstance(model, Model) else load(model, device=device)
    with _open(source, start, stop) as sequence:
        count = sequence.info.frame_count
        report = compress_sequence(
            sequence,
            place,
            loaded,
            ratio=ratio,
            quality=quality,
            student=student,
            force=force,
            progress=_counting(progress, count),
        )
    # The bytes of a part of the source are not known.
    return report if (start, stop) == (0, None) else replace(report, ratio_of_bytes=None)


def decompress(
    latent: str | Path,
    output: str | Path | None = None,
    *,
    model: str | Path | Model | None = None,
    frames: Selection | None = None,
    device: str = "auto",
    force: bool = False,
    skip_damaged: bool = False,
    progress: Progress | None = None,
) -> DecompressReport:
    """Restore the frames of a latent into a file or a directory.

    output: its ending says the format: .mp4 .m4v .mov (H.264), .mkv (FFV1, lossless), .webm (VP9), .gif,
        .npy, .tif; none, a closing slash or a directory: PNG images. Unless given, clip.safetensors →
        clip.restored.mp4 beside it (.gif, .npy or images/ where the source was such).
    model: None takes the one that wrote the latent, among those that ship; else as in `compress`.
    frames: (start, stop) to restore only frames start … stop − 1; their times then begin at 0. Of a memory
        that `imfn stream --forget` wrote, the last ten half-lives unless given.
    skip_damaged: go on past damaged nodes, repeating the last good frame; the report names them.

    Raises `LatentError`, `ModelError`, `OutputError`, and `InputError` for an empty selection.
    """
    from .codec import decompress_latent, default_restored, model_of
    from .forgetting import is_memory
    from .frames import selected
    from .latent.container import LatentReader

    start, stop = frames or (0, None)
    if is_memory(Path(latent)):
        return _recall(Path(latent), output, model, start, stop, device, force, progress)
    reader = LatentReader(Path(latent))
    header = reader.header
    count = len(selected(str(latent), header.frames, start, stop))
    place = default_restored(reader.path, header.source_kind) if output is None else output
    if _same_file(Path(place), reader.path):
        raise OutputError(f"{place}: is the input itself; choose another output with -o")
    return decompress_latent(
        reader,
        place,
        model_of(reader, model, device),
        start=start,
        stop=stop,
        force=force,
        skip_damaged=skip_damaged,
        progress=_counting(progress, count),
    )


def _recall(
    path: Path,
    output: str | Path | None,
    model: str | Path | Model | None,
    start: int,
    stop: int | None,
    device: str,
    force: bool,
    progress: Progress | None,
) -> DecompressReport:
    from .codec import default_restored
    from .forgetting import recall_memory

    place = default_restored(path, "video") if output is None else output
    if _same_file(Path(place), path):
        raise OutputError(f"{place}: is the input itself; choose another output with -o")
    counted = _counting(progress, None)
    return recall_memory(
        path, place, model, start=start, stop=stop, device=device, force=force, progress=counted
    )


def read_frames(
    latent: str | Path,
    start: int = 0,
    stop: int | None = None,
    *,
    model: str | Path | Model | None = None,
    device: str = "auto",
) -> "Iterator[np.ndarray]":
    """Frames start … stop − 1 of a latent, one by one, each uint8 (H, W, 3) RGB or (H, W, 1) gray.

    Only what they need is read and decoded: one frame costs one node and log2(ratio) splits, wherever it is.
    Raises `LatentError`, `ModelError`, and `InputError` for an empty selection, before the first frame; a
    damaged node raises `LatentError` when its frames come.
    """
    from .codec import model_of, restored_frames
    from .frames import selected
    from .latent.container import LatentReader

    reader = LatentReader(Path(latent))
    selected(str(latent), reader.header.frames, start, stop)
    loaded = model_of(reader, model, device)
    return (frame.pixels for frame in restored_frames(reader, loaded, start, stop))


def verify(
    latent: str | Path, model: str | Path | Model | None = None, *, progress: Progress | None = None
) -> VerifyReport:
    """Check the checksum of every node of a latent, and that it decodes.

    Without the model that wrote it (None where it does not ship) only checksums are checked: `decoded` is
    False then. Raises `LatentError` where nothing can be read at all, and `ModelError` for a `model` that
    did not write it. Damaged nodes do not raise: the report names them.
    """
    from .codec import model_of, verify_latent
    from .latent.container import LatentReader

    reader = LatentReader(Path(latent))
    notes: tuple[str, ...] = ()
    loaded = None
    try:
        loaded = model_of(reader, model, "cpu")
    except ModelError as error:
        if model is not None:
            raise
        notes = (f"{error}; only checksums were verified",)
    report = verify_latent(reader, loaded, progress=_counting(progress, len(reader.nodes)))
    return replace(report, notes=notes)


def latent_place(source: "Source", output: str | Path | None = None, *, force: bool = False) -> Path:
    """Where the latent of `source` goes: `output`, or beside it. Raises `ImfnError` if it cannot."""
    place = source.default_output(LATENT_ENDING) if output is None else Path(output)
    if any(_same_file(place, path) for path in source.paths):
        if output is None:
            raise InputError(f"{source.name}: is a latent by its name; 'imfn decompress' restores it")
        raise OutputError(f"{place}: is the input itself; choose another output with -o")
    check_output(place, force=force)
    return place


def _one_source(name: str | Path) -> "Source":
    from .frames import expand_inputs

    sources = expand_inputs([str(name)])
    if len(sources) != 1:
        raise InputError(f"{name}: holds {len(sources)} sequences; compress them one at a time")
    return sources[0]


def _open(source: "Source | np.ndarray", start: int, stop: int | None) -> "Sequence":
    from .frames import LoadedArray, Source, open_sequence

    if isinstance(source, Source):
        return open_sequence(source, start=start, stop=stop)
    return LoadedArray(source, start=start, stop=stop)


def _counting(progress: Progress | None, count: int | None) -> Callable[[int], None]:
    return lambda done: progress(done, count) if progress is not None else None


def _same_file(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)
