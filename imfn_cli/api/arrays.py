"""Arrays: what goes as one, and how it is compressed and verified."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import array_trees, bitstream, codec, media, zoo
from ..errors import InputError, OutputError
from ..reports import ArrayReport, VerifyReport
from ..system.pipes import is_standard, stdout_from_disk
from .settings import verified
from .sources import counting_up, one_source
from .types import Progress, Selection

if TYPE_CHECKING:
    import numpy as np

    from ..media import Source


def goes_as_array(source: object, model: object = None, *, fit: bool = False, aimed: bool = False) -> bool:
    """Whether `compress` takes a source as an array of samples: what is in it are no 8-bit pictures.

    So it does whatever is in it where a tree of arrays is to be fitted, or is the `model`; and never with
    another model or a target (`aimed`).
    """
    import numpy as np

    if fit or zoo.is_array_model(model):
        return True
    if model is not None or aimed:
        return False
    if isinstance(source, np.ndarray):
        return not _are_pictures(source.dtype, source.shape)
    if not isinstance(source, media.Source) or len(source.paths) != 1 or not media.is_array(source.name):
        return False
    if source.kind == "array" and source.paths[0].suffix.lower() not in (".npy", ".npz"):
        return True
    try:
        with media.open_array(source.name) as array:
            # A single TIFF is a picture, whatever its depth.
            return not _are_pictures(array.dtype, array.shape) and (array.kind == "array" or array.frames > 1)
    except InputError:
        # Whoever reads it says best what is wrong with it.
        return False


def _are_pictures(dtype: "np.dtype[Any]", shape: tuple[int, ...]) -> bool:
    return dtype == "u1" and (len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3, 4)))


def compress_array(
    source: object,
    output: str | Path | None,
    tolerance: "codec.Tolerance",
    start: int,
    stop: int | None,
    stream: int | None,
    *,
    tree: dict[str, Any] | None,
    force: bool,
    verify: bool,
    resume: bool,
    progress: Progress | None,
) -> ArrayReport:
    """tree: of memories, what `array_trees.compress_memories` is asked for."""
    if isinstance(source, media.Source):
        standard = output is not None and is_standard(output)
        place = Path("-") if standard else codec.latent_place(source, output, force=force)
    elif output is None:
        raise OutputError("array: has no name to go by; say where to write with output=")
    else:
        place = Path(output)
    told: dict[str, Any] | None = None
    if isinstance(source, media.Source):
        # Before it is opened: a change while it is read is one too.
        told = {"source": media.fingerprint(source.paths, source.name), "frames": [start, stop]}
        told["array"] = source.name.partition("::")[2]
        told["stream"] = stream
    exact = tree is None and tolerance.lossless
    array = opened_array(source, start, stop, stream=stream, exact=exact)
    with ExitStack() as stack:
        stack.enter_context(array)
        written = stack.enter_context(stdout_from_disk(codec.LATENT_ENDING)) if is_standard(place) else place
        if verify:
            written = stack.enter_context(verified(Path(written), None, force=force))
        counting = counting_up(progress, array.frames)
        if tree is None:
            how: dict[str, Any] = {"told": told, "resume": resume, "force": force}
            report = codec.compress_array(array, written, tolerance, **how, progress=counting)
        else:
            report = array_trees.compress_memories(
                array, Path(written), **tree, force=force, progress=counting
            )
    report = replace(report, output=str(place))
    return replace(report, output="stdout") if is_standard(output) else report


def opened_array(
    source: object, start: int, stop: int | None, *, stream: int | None = None, exact: bool = False
) -> "media.ArraySource":
    """Frames start … stop − 1 of an array, wherever it is, or of a video or images as one.

    exact: refuse what would have to be converted.   Raises `InputError`.
    """
    if isinstance(source, media.Source):
        return media.open_samples(source, start=start, stop=stop, stream=stream, exact=exact)
    # Of a file torch is not needed.
    import numpy as np
    import torch

    if not isinstance(source, np.ndarray | torch.Tensor):
        raise InputError("frames: lossless, max_error and fit are for arrays; hand over one, or a file")
    array = media.GivenArray(source if isinstance(source, np.ndarray) else source.numpy(force=True))
    if (start, stop) == (0, None):
        return array
    chosen = media.selected("array", array.frames, start, stop)
    return media.PartOfArray(array, chosen.start, chosen.stop)


def verified_array(
    opened: "bitstream.ArrayFile",
    source: "str | Path | Source | np.ndarray | None",
    frames: Selection | None,
    progress: Progress | None,
) -> VerifyReport:
    counting = counting_up(progress, len(opened.groups))
    if source is None:
        return codec.verify_array(opened, progress=counting)
    if isinstance(source, str | Path):
        source = one_source(source)
    array: media.ArraySource = (
        media.open_samples(source) if isinstance(source, media.Source) else media.GivenArray(source)
    )
    with array:
        if frames is not None and frames != (0, None):
            chosen = media.selected(str(opened.path), array.frames, *frames)
            array = media.PartOfArray(array, chosen.start, chosen.stop)
        return codec.verify_array(opened, array, progress=counting)
