"""`imfn.verify`: whether a latent is whole, and how far it is from its source."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import bitstream, codec
from ..errors import InputError, ModelError
from ..limits import DEFAULT_LIMITS, Limits
from ..reports import SourceReport, VerifyReport
from ..system.remote import place_of
from .arrays import verified_array
from .sources import counting_up, one_source, opened_sequence
from .types import Progress, Selection

if TYPE_CHECKING:
    import numpy as np

    from ..bitstream import FadingMemoryFile, LatentReader
    from ..media import Source
    from ..zoo import Model


def verify(
    latent: str | Path,
    model: "str | Path | Model | None" = None,
    *,
    source: "str | Path | Source | np.ndarray | None" = None,
    frames: Selection | None = None,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> VerifyReport:
    """Check the checksum of every node of a latent, and that it decodes.

    Of a memory that `imfn stream --forget` wrote: its checksums, and that its newest frame comes back; it
    counts as one node. Without the model that wrote it (None where it does not ship) only checksums are
    checked: `decoded` is False then.

    source: what was compressed, a file or an array (T, H, W, C) uint8: every frame is restored and compared
        with its own, and `compared` has the mean PSNR and the worst frame. Of an array latent every sample is
        compared, and groups with one that is further off than the latent promises count as damaged.
    frames: (start, stop) of the source's frames that were compressed; None: all.

    Raises `LatentError` where nothing can be read at all, `LimitError` where decoding asks for too much,
    `ModelError` for a `model` that did not write it, or a missing one where there is a source, and
    `InputError` where the source cannot be read, or is of another size or length. Damaged nodes do not raise:
    the report names them.
    """
    path = place_of(latent)
    opened = bitstream.open_file(path, limits)
    if isinstance(opened, bitstream.ArrayFile):
        return verified_array(opened, source, frames, progress)
    loaded, notes = _writer_if_there(path, opened, model, limits)
    if isinstance(opened, bitstream.FadingMemoryFile):
        if source is not None:
            raise InputError(
                f"{path}: one memory of a whole stream; only a latent is compared with its source"
            )
        assert isinstance(path, Path)
        report = codec.verify_fading_memory(path, opened, loaded, limits)
    else:
        report = codec.verify_latent(opened, loaded, progress=counting_up(progress, len(opened.nodes)))
        if source is not None:
            report = replace(report, compared=_compared(opened, loaded, source, frames, notes, progress))
    return replace(report, notes=notes)


def _compared(
    reader: "LatentReader",
    model: "Model | None",
    source: "str | Path | Source | np.ndarray",
    frames: Selection | None,
    notes: tuple[str, ...],
    progress: Progress | None,
) -> SourceReport:
    """A latent's frames beside those of `source`. notes: why there is no model."""
    if model is None:
        raise ModelError("; ".join(notes).replace("only checksums were verified", "no frame can be compared"))
    start, stop = frames or (0, None)
    if isinstance(source, str | Path):
        source = one_source(source)
    with opened_sequence(source, None, start, stop, None, False) as sequence:
        counting = counting_up(progress, reader.header.frames)
        return codec.compare_with_source(reader, model, sequence, progress=counting)


def _writer_if_there(
    path: object,
    opened: "LatentReader | FadingMemoryFile",
    model: "str | Path | Model | None",
    limits: Limits,
) -> "tuple[Model | None, tuple[str, ...]]":
    """The model that wrote a file, and notes; none where it does not ship and none is given."""
    try:
        if not isinstance(opened, bitstream.FadingMemoryFile):
            return codec.model_of(opened, model, "cpu"), ()
        written = opened.header
        return codec.writer_of(path, written.model, written.model_sha256, model, "cpu", limits), ()
    except ModelError as error:
        if model is not None:
            raise
        return None, (f"{error}; only checksums were verified",)
