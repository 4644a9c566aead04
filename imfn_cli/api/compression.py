"""`imfn.compress`: frames into a latent, by a model; arrays go to `arrays.py`."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, overload

from .. import bitstream, codec, defaults, media, zoo
from ..errors import InputError, OutputError
from ..limits import DEFAULT_LIMITS, Limits
from ..reports import CompressReport
from ..system.files import check_output
from ..system.pipes import is_standard, stdout_from_disk
from .arrays import compress_array, goes_as_array
from .call_options import CompressOptions
from .settings import check_resume, coder_of, settings_of, target_of, tolerance_of, verified
from .sources import counting_up, loaded_model, one_source, opened_sequence
from .types import Progress, Selection

if TYPE_CHECKING:
    from fractions import Fraction

    import numpy as np
    from torch import Tensor

    from ..media import Source
    from ..zoo import Model


@overload
def compress(
    source: "str | Path | Source",
    output: str | Path | None = None,
    *,
    stream: int | None = None,
    audio: bool = True,
    **options: Unpack[CompressOptions],
) -> CompressReport: ...


@overload
def compress(
    source: "np.ndarray | Tensor | Iterable[np.ndarray | Tensor]",
    output: str | Path,
    *,
    rate: "float | str | Fraction | None" = None,
    **options: Unpack[CompressOptions],
) -> CompressReport: ...


def compress(
    source: "str | Path | Source | np.ndarray | Tensor | Iterable[np.ndarray | Tensor]",
    output: str | Path | None = None,
    *,
    rate: "float | str | Fraction | None" = None,
    model: "str | Path | Model | None" = None,
    ratio: int | str | None = None,
    quality: float | None = None,
    target_psnr: float | None = None,
    target_kbps: float | None = None,
    target_size: int | str | None = None,
    preset: str | None = None,
    gop: int | None = None,
    effort: int | None = None,
    student: bool = False,
    frames: Selection | None = None,
    stream: int | None = None,
    audio: bool = True,
    embed_model: bool = False,
    lossless: bool = False,
    max_error: float | str | None = None,
    fit: bool = False,
    device: str = "auto",
    force: bool = False,
    verify: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    resume: bool = False,
    progress: Progress | None = None,
    stage: Callable[[str], None] | None = None,
) -> CompressReport:
    """Compress one sequence of frames into a latent file.

    source: a video, a directory or pattern of images, an animation, .npy/.npz, MNIST idx; "-": a container or
        Y4M on standard input; an array, uint8 (T, H, W) or (T, H, W, 1) gray, (T, H, W, 3) RGB; a tensor, the
        same, or floats (T, C, H, W) in [0, 1]; or any iterable of such frames, read once, as they are wanted.
        Any T, H, W ≥ 1. Frames of files are streamed. Arrays of other types and shapes (booleans, integers
        and floats up to 64 bits; (T, H, W), (T, H, W, C), (T, D)), TIFF stacks of more than 8 bits, HDF5
        ("file.h5::/data") and Zarr go another way, in which every sample is within an error; `ArrayReport`.
        So do videos and folders of PNG, PGM, PPM or TIFF with `lossless`, `max_error` or `fit`: gray and RGB
        of any depth by their own samples, others as RGB that is made of them.
        With a `ratio` or `fit` they become memories, of a tree that is fitted to them.
    output: the file to write; clip.mp4 → clip.safetensors beside it unless given. An array needs one. "-" is
        standard output, which gets the file when it is whole.
    rate: frames per second of an array, tensor or iterable; 25 unless given.
    model: a name (`imfn models`), a folder, a hub id (hf://org/name), or what `load` gave; None: the best
        that ships.
    ratio: frames per memory, a power of two from 1 to what the model offers (64); "auto": an adaptive forest,
        whose windows of 1 to 64 frames are chosen for each block and time; the fewest bytes, but no memories
        of whole frames. None: "auto" where the model can be one, else 16, which is a student's ratio too.
    quality: 0 … 100, in tenths; higher is better and larger; 50 unless given.
    target_psnr, target_kbps, target_size: instead of a quality, what the file shall come to: PSNR in dB (mean
        over frames, 8-bit RGB) to 0.1 dB, 1000 bits a second to 2%, or bytes ("2MB", "1.5GiB") to 2% and
        never more. The quality is found in a few passes; of a long source a few GOPs are tried first.
    preset: "archive" (the fewest bytes), "stream" (coded fast, short GOPs) or "dataset" (any frame costs one
        memory of four frames): what ratio, gop and effort are where they are not given.
    gop: frames in a group of pictures (GOP), 256 unless given, from one intra node to the next; the nodes
        between are predicted from the frame before them: far fewer bytes where the picture stays alike. A
        frame then needs the nodes before it in its GOP, and a damaged one costs those after it. 0: all are
        intra nodes.
    effort: 1 to 3, 2 unless given, of ratio "auto": how hard its encoder tries; 3 also looks at windows
        longer than a frame.
    student: one recurrent update per frame instead of the tree; every linear model has one, others carry
        theirs or raise `ModelError`.
    frames: (start, stop) to compress only frames start … stop − 1; a stop of None means the end.
    stream: which of several video streams, counted from 0; None: the film among them.
    audio: whether the sound of a video file is kept; subtitles always are, packets of both as they are.
    embed_model: put the model's configuration and weights into the file, which then needs no model to be
        restored; its size counts. Of models up to 16 MB (2^24 bytes), which all that ship are.
    lossless: of an array: what comes back has every bit that it had, on every machine. Of a video or images:
        every decoded sample; gray and RGB only, for YCbCr would have to be converted.
    max_error: of an array: every sample is at most so far from what it was; "1%" is a part of its range.
    fit: of an array: memories of `ratio` frames, 16 unless given, of a linear tree that is fitted in closed
        form to the array itself, takes its type and channels, and travels with the latent. So does a number
        as ratio where no model that ships fits; a file of `imfn train --linear ARRAYS` as model is one tree
        for many arrays.
    device: "auto", "cpu", "cuda" or "mps"; a loaded model stays where it is.
    force: overwrite `output` where it exists.
    verify: read and decode what was written before it gets its name; what does not decode raises, and nothing
        is left.
    limits: for what a model that is loaded by its name may ask of this machine.
    resume: go on where a run of the same source and settings was interrupted, if one was; the file is the
        same, byte for byte, as without an interruption. If this run is interrupted, or raises, what it has
        done is left for another one, in hidden files beside `output`. Of files only; with fit it begins anew.
        With a target, passes that are done are not made again, but a pass whose PSNR was being measured is
        measured anew.
    stage: called with the name of each pass as it begins, if there is a target.

    Raises `InputError`, `OutputError`, `ModelError`, `RatioError` (all `ImfnError`, each one line that says
    what to do), `ImfnError` for a target out of reach, ValueError for a quality outside 0 … 100.
    When it raises, nothing is left behind (without `resume`) and an output that existed stays as it was.
    """
    tolerance = tolerance_of(
        *(lossless, max_error, quality, target_psnr, target_kbps, target_size, model),
        embed_model or None,
    )
    if fit and (tolerance is not None or student or model is not None):
        raise ValueError("fit goes without lossless, max_error, a student or a model")
    if verify and resume:
        raise ValueError("verify and resume exclude one another: what does not decode is not kept")
    target = target_of(quality, target_psnr, target_kbps, target_size)
    quality = bitstream.checked_quality(defaults.QUALITY if quality is None else quality)
    if effort is not None and (student or not isinstance(ratio, str | None)):
        raise ValueError("effort is of the ratio auto; leave it out")
    asked_effort = effort
    ratio, gop, effort = settings_of(preset, ratio, gop, effort, student)
    start, stop = frames or (0, None)
    if isinstance(source, str | Path):
        source = one_source(source)
    if resume:
        check_resume(source, output)
    if tolerance is not None or goes_as_array(source, model, fit=fit, aimed=target is not None):
        if embed_model:
            raise ValueError("embed_model: no model makes an array latent, so there is none to embed")
        if target is not None:
            raise ValueError("a tree that is fitted to an array goes without a target; give a quality")
        tree = None
        if tolerance is None and (fit or model is not None or isinstance(ratio, int)):
            fixed = ratio if isinstance(ratio, int) else defaults.RATIO
            # A loaded model never gets here.
            file = None if model is None else Path(str(model))
            tree = {"ratio": fixed, "quality": quality, "model": file, "gop": gop}
        asked = codec.Tolerance(quality=quality) if tolerance is None else tolerance
        return compress_array(
            *(source, output, asked, start, stop, stream),
            tree=tree,
            force=force,
            verify=verify,
            resume=resume,
            progress=progress,
        )
    if target is not None and isinstance(source, media.Source) and not source.rereadable:
        raise InputError(
            f"{source.name}: can be read once only, a target takes several passes; save it first"
        )
    if rate is not None and isinstance(source, media.Source):
        raise ValueError("rate is of frames without a file; a source has its own")
    if output is not None and is_standard(output):
        place = Path(output)
    elif isinstance(source, media.Source):
        place = codec.latent_place(source, output, force=force)
    elif output is None:
        raise OutputError("frames: have no name to go by; say where to write with output=")
    else:
        place = Path(output)
        check_output(place, force=force)
    loaded = loaded_model(model, device, limits)
    ratio, settings, coded = coder_of(loaded, ratio, gop, effort, student)
    files = zoo.files_of(loaded) if embed_model else None
    coded = partial(coded, embed=files)
    notes: tuple[str, ...] = ()
    if asked_effort is not None and not isinstance(ratio, str):
        notes = (f"effort {asked_effort} says nothing: model {loaded.name} codes memories of {ratio} frames",)
    named = place
    with ExitStack() as stack:
        if is_standard(place):
            place = stack.enter_context(stdout_from_disk(codec.LATENT_ENDING))
        if verify:
            place = stack.enter_context(verified(place, loaded, force=force))
        sequence = stack.enter_context(opened_sequence(source, rate, start, stop, stream, audio))
        if target is not None and isinstance(sequence, media.GivenFrames | media.Part):
            raise InputError(
                "frames: can be read once only, a target takes several passes; hand over an array"
            )
        if target is None:
            counting = counting_up(progress, sequence.info.frame_count)
            how: dict[str, Any] = {"quality": quality, "force": force, "resume": resume}
            report = coded(sequence, place, loaded, progress=counting, **how)
        else:
            report = codec.compress_to_target(
                *(coded, sequence, place, loaded, target),
                gop_frames=codec.gop_size(loaded, sequence.info, ratio, gop),
                settings=settings,
                beside=0 if files is None else sum(map(len, files)),
                force=force,
                resume=resume,
                stage=stage or (lambda _: None),
                progress=progress or (lambda *_: None),
            )
    report = replace(report, notes=(*report.notes, *notes))
    if verify:
        report = replace(report, output=str(named), verified=True)
    if is_standard(output):
        report = replace(report, output="stdout")
    # The bytes of a part of the source are not known.
    return report if (start, stop) == (0, None) else replace(report, ratio_of_bytes=None)
