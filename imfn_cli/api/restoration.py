"""`imfn.decompress` and `imfn.read_frames`: a latent into a file of frames, or frame by frame."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import bitstream, codec, media
from ..errors import OutputError
from ..limits import DEFAULT_LIMITS, Limits
from ..reports import DecompressReport
from ..system.pipes import check_stdin, is_standard, stdin_on_disk, stdout_from_disk
from ..system.remote import RemotePath, place_of
from .sources import counting_up
from .types import Progress, Selection

if TYPE_CHECKING:
    import numpy as np

    from ..zoo import Model


def decompress(
    latent: str | Path,
    output: str | Path | None = None,
    *,
    model: "str | Path | Model | None" = None,
    frames: Selection | None = None,
    format: str | None = None,
    audio: bool = True,
    device: str = "auto",
    force: bool = False,
    skip_damaged: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    resume: bool = False,
    progress: Progress | None = None,
) -> DecompressReport:
    """Restore the frames of a latent into a file or a directory.

    latent: a file; an address such as s3://bucket/clip.safetensors, read by range requests; "-": standard
        input.
    output: of an array latent .npy, .npz, .tif, .h5, .zarr, of uint8 and uint16 images .mkv (FFV1) or a
        directory (PNG) too, beside it as its source was; of others its
        ending says the format: .mp4 .m4v .mov (H.264), .mkv (FFV1, lossless), .webm (VP9), .gif,
        .y4m, .npy, .tif; none, a closing slash or a directory: PNG images. Unless given, clip.safetensors →
        clip.restored.mp4 beside it (.gif, .npy or images/ where the source was such). "-" is standard output,
        in the format that `format` names: mp4, mov, mkv, webm, gif, y4m, npy or tif.
    model: None takes the one that wrote the latent, among those that ship; else as in `compress`.
    frames: (start, stop) to restore only frames start … stop − 1; their times then begin at 0. Of a memory
        that `imfn stream --forget` wrote, the last ten half-lives unless given.
    audio: whether the sound and subtitles in the latent go out too, where the format can hold them; the
        report's notes say what it cannot.
    skip_damaged: go on past damaged nodes, repeating the last good frame; the report names them.
    limits: for what the file may ask of this machine; raise them for files that you trust.
    resume: go on where a run of the same latent and settings was interrupted, if one was. If this run is
        interrupted, or raises, what it has done is left for another one, in hidden files beside `output`.
        The frames are the same, and so is the file but for H.264, whose encoder gives others each time. A
        GIF begins anew.

    Raises `LatentError`, `ModelError`, `OutputError`, `LimitError`, and `InputError` for an empty selection.
    """
    settings: dict[str, Any] = {
        "model": model,
        "frames": frames or (0, None),
        "format": format,
        "audio": audio,
        "device": device,
        "force": force,
        "skip_damaged": skip_damaged,
        "limits": limits,
        "resume": resume,
        "progress": progress,
    }
    if resume and output is not None and is_standard(output):
        raise OutputError("stdout: no run can go on in it; name a file with -o")
    if is_standard(latent):
        check_stdin("a latent")
        with stdin_on_disk(codec.LATENT_ENDING) as path:
            report = replace(_decompress(path, Path(path.name), output, **settings), source="stdin")
    else:
        place = place_of(latent)
        named = place if isinstance(place, Path) else Path(place.name)
        report = _decompress(place, named, output, **settings)
    return replace(report, output="stdout") if is_standard(output) else report


def _decompress(
    path: Path | RemotePath,
    named: Path,
    output: str | Path | None,
    *,
    model: "str | Path | Model | None",
    frames: Selection,
    format: str | None,
    audio: bool,
    device: str,
    force: bool,
    skip_damaged: bool,
    limits: Limits,
    resume: bool,
    progress: Progress | None,
) -> DecompressReport:
    """`decompress` of a file at `path`; its output is named after `named`."""
    start, stop = frames
    opened = bitstream.open_file(path, limits)
    if isinstance(opened, bitstream.ArrayFile):
        place = codec.array_place(named, output, opened.header.source_kind, format)
        if format is None and str(place).endswith(("/", os.sep)):
            format = "png"
        with nullcontext(place) if not is_standard(place) else stdout_from_disk(f".{format}") as written:
            return codec.decompress_array(
                opened,
                Path(written),
                start=start,
                stop=stop,
                format=format,
                force=force,
                skip_damaged=skip_damaged,
                progress=counting_up(
                    progress, len(media.selected(str(path), opened.header.frames, start, stop))
                ),
            )
    if isinstance(opened, bitstream.FadingMemoryFile):
        assert isinstance(path, Path)
        return codec.restore_fading_memory(
            path,
            opened,
            codec.restored_place(named, output, "video"),
            model,
            start=start,
            stop=stop,
            device=device,
            format=format,
            force=force,
            limits=limits,
            progress=counting_up(progress, None),
        )
    count = len(media.selected(str(path), opened.header.frames, start, stop))
    place = codec.restored_place(named, output, opened.header.source_kind)
    return codec.decompress_latent(
        opened,
        place,
        codec.model_of(opened, model, device),
        start=start,
        stop=stop,
        format=format,
        audio=audio,
        force=force,
        skip_damaged=skip_damaged,
        resume=resume,
        progress=counting_up(progress, count),
    )


def read_frames(
    latent: str | Path,
    start: int = 0,
    stop: int | None = None,
    *,
    model: "str | Path | Model | None" = None,
    device: str = "auto",
    limits: Limits = DEFAULT_LIMITS,
) -> "Iterator[np.ndarray]":
    """Frames start … stop − 1 of a latent, one by one, each uint8 (H, W, 3) RGB or (H, W, 1) gray.

    Only what they need is read and decoded: one frame costs one node and log2(ratio) splits, wherever it is.
    Raises `LatentError`, `ModelError`, `LimitError`, and `InputError` for an empty selection, before the
    first frame; a damaged node raises `LatentError` when its frames come.
    """
    reader = bitstream.open_latent(place_of(latent), limits)
    count = len(media.selected(str(latent), reader.header.frames, start, stop))
    loaded = codec.model_of(reader, model, device)
    codec.check_needs(reader, loaded, frames=count)
    return (frame.pixels for frame in codec.restored_frames(reader, loaded, start, stop))
