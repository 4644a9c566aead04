"""The Python API: what the commands do, as functions. The commands call these too.

Everything heavy (torch, PyAV, numpy) is imported by the first call, not with this module.
"""

import operator
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from . import array_trees, bitstream, codec, defaults, media, network, zoo
from .call_options import CompressOptions, StreamOptions
from .errors import InputError, ModelError, OutputError
from .limits import DEFAULT_LIMITS, NO_LIMITS, Limits
from .reports import (
    ArrayReport,
    CompressReport,
    DecompressReport,
    FadingMemoryReport,
    MemoriesReport,
    SourceReport,
    StreamReport,
    VerifyReport,
)
from .system.files import check_output, replacing
from .system.pipes import check_stdin, is_standard, stdin_on_disk, stdout_from_disk
from .system.remote import RemotePath, place_of

if TYPE_CHECKING:
    from fractions import Fraction

    import numpy as np
    from torch import Tensor

    from .bitstream import FadingMemoryFile, LatentReader
    from .codec import Live
    from .media import Sequence, Source
    from .zoo import Model

#: Called as work goes on: (done so far, in all or None where that is not known).
Progress = Callable[[int, int | None], None]
#: Frames start … stop − 1, counted from 0; a stop of None means the end.
Selection = tuple[int, int | None]


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
    tolerance = _tolerance_of(
        *(lossless, max_error, quality, target_psnr, target_kbps, target_size, model),
        embed_model or None,
    )
    if fit and (tolerance is not None or student or model is not None):
        raise ValueError("fit goes without lossless, max_error, a student or a model")
    if verify and resume:
        raise ValueError("verify and resume exclude one another: what does not decode is not kept")
    target = _target_of(quality, target_psnr, target_kbps, target_size)
    quality = bitstream.checked_quality(defaults.QUALITY if quality is None else quality)
    if effort is not None and (student or not isinstance(ratio, str | None)):
        raise ValueError("effort is of the ratio auto; leave it out")
    asked_effort = effort
    ratio, gop, effort = settings_of(preset, ratio, gop, effort, student)
    start, stop = frames or (0, None)
    if isinstance(source, str | Path):
        source = _one_source(source)
    if resume:
        _check_resume(source, output)
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
        return _compress_array(
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
    loaded = _loaded(model, device, limits)
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
        sequence = stack.enter_context(_open(source, rate, start, stop, stream, audio))
        if target is not None and isinstance(sequence, media.GivenFrames | media.Part):
            raise InputError(
                "frames: can be read once only, a target takes several passes; hand over an array"
            )
        if target is None:
            counting = _counting(progress, sequence.info.frame_count)
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


def settings_of(
    preset: str | None, ratio: int | str | None, gop: int | None, effort: int | None, student: bool
) -> tuple[int | str | None, int, int]:
    """Ratio, gop and effort as `compress` takes them, where a preset or nothing says them."""
    chosen = _preset_of(preset)
    gop = chosen.gop if gop is None else operator.index(gop)
    effort = chosen.effort if effort is None else effort
    if ratio is None and not student:
        ratio = chosen.ratio
    if not isinstance(ratio, str | None):
        ratio = operator.index(ratio)
    elif ratio is not None and (ratio != defaults.AUTO or student):
        raise ValueError(f'ratio {ratio!r}: must be a power of two, or "auto" for the tree')
    return ratio, gop, effort


def coder_of(
    model: "Model", ratio: int | str | None, gop: int, effort: int, student: bool
) -> tuple[int | str, dict[str, Any], Callable[..., CompressReport]]:
    """What compresses a sequence with a model: its ratio, its settings, and itself."""
    if ratio is None:
        ratio = defaults.RATIO if student or not codec.fits(model.network.config) else defaults.AUTO
    adaptive = isinstance(ratio, str)
    settings = {"gop": gop} | ({"effort": effort} if adaptive else {"ratio": ratio, "student": student})
    return (
        ratio,
        settings,
        partial(codec.compress_adaptive if adaptive else codec.compress_sequence, **settings),
    )


@contextmanager
def verified(place: Path, model: "Model | None", *, force: bool) -> "Iterator[Path]":
    """A temporary path; what the block writes there becomes `place` if every node of it decodes."""
    with replacing(place, force=force) as temporary:
        yield temporary
        opened = bitstream.open_file(temporary, NO_LIMITS)
        if isinstance(opened, bitstream.ArrayFile):
            report = codec.verify_array(opened)
        else:
            assert not isinstance(opened, bitstream.FadingMemoryFile)
            report = codec.verify_latent(opened, model)
        if not report.ok:
            why = report.damaged[0].problem.replace(str(temporary), str(place))
            raise OutputError(
                f"{why}, as it was just written; nothing was kept. This machine's disk or memory may be "
                "faulty: try another"
            )


def _tolerance_of(lossless: bool, max_error: float | str | None, *others: object) -> "codec.Tolerance | None":
    """What samples may differ by, if that is said. others: what then says nothing. Raises ValueError."""
    if not lossless and max_error is None:
        return None
    if lossless and max_error is not None:
        raise ValueError("lossless and max_error exclude one another; give one of them")
    if any(other is not None for other in others):
        raise ValueError("lossless and max_error go without a quality, a target or a model")
    return codec.Tolerance.exact() if max_error is None else codec.Tolerance.parse(max_error)


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


def _compress_array(
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
    array = _opened_array(source, start, stop, stream=stream, exact=exact)
    with ExitStack() as stack:
        stack.enter_context(array)
        written = stack.enter_context(stdout_from_disk(codec.LATENT_ENDING)) if is_standard(place) else place
        if verify:
            written = stack.enter_context(verified(Path(written), None, force=force))
        counting = _counting(progress, array.frames)
        if tree is None:
            how: dict[str, Any] = {"told": told, "resume": resume, "force": force}
            report = codec.compress_array(array, written, tolerance, **how, progress=counting)
        else:
            report = array_trees.compress_memories(
                array, Path(written), **tree, force=force, progress=counting
            )
    report = replace(report, output=str(place))
    return replace(report, output="stdout") if is_standard(output) else report


def _opened_array(
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


def _check_resume(source: object, output: str | Path | None) -> None:
    """Raise InputError or OutputError where no run could go on from another."""
    if not isinstance(source, media.Source) or not source.rereadable:
        name = source.name if isinstance(source, media.Source) else "frames"
        raise InputError(f"{name}: can be read once only, so nothing can go on; save it to a file first")
    if output is not None and is_standard(output):
        raise OutputError("stdout: no run can go on in it; name a file with -o")


def _preset_of(name: str | None) -> defaults.Preset:
    """The settings of a preset. Raises ValueError."""
    if name is not None and name not in defaults.PRESETS:
        raise ValueError(f"preset {name!r}: must be one of {', '.join(defaults.PRESETS)}")
    return defaults.Preset() if name is None else defaults.PRESETS[name]


def _target_of(
    quality: float | None, psnr: float | None, kbps: float | None, size: int | str | None
) -> "codec.Target | None":
    """What the file shall come to, if a target says it. Raises ValueError."""
    if sum(one is not None for one in (quality, psnr, kbps, size)) > 1:
        raise ValueError("a quality and targets exclude one another; give one of them")
    if psnr is not None:
        return codec.Target("psnr", psnr)
    if kbps is not None:
        return codec.Target("kbps", kbps)
    if size is not None:
        return codec.Target("size", codec.parse_size(size) if isinstance(size, str) else size)
    return None


@overload
def stream(
    source: "str | Path | Sequence | Iterable[np.ndarray]",
    output: str | Path | None = None,
    *,
    forget: Literal[False] = False,
    **options: Unpack[StreamOptions],
) -> StreamReport: ...


@overload
def stream(
    source: "str | Path | Sequence | Iterable[np.ndarray]",
    output: str | Path | None = None,
    *,
    forget: Literal[True],
    **options: Unpack[StreamOptions],
) -> FadingMemoryReport: ...


@overload
def stream(
    source: "str | Path | Sequence | Iterable[np.ndarray]",
    output: str | Path | None = None,
    *,
    forget: bool,
    **options: Unpack[StreamOptions],
) -> StreamReport | FadingMemoryReport: ...


def stream(
    source: "str | Path | Sequence | Iterable[np.ndarray]",
    output: str | Path | None = None,
    *,
    model: "str | Path | Model | None" = None,
    ratio: int | str = defaults.STREAM_RATIO,
    quality: float = defaults.QUALITY,
    gop: int = defaults.GOP,
    effort: int = defaults.EFFORT,
    low_delay: bool = False,
    tree: bool = False,
    forget: bool = False,
    half_life: float | None = None,
    rate: "float | str | Fraction | None" = None,
    size: str | None = None,
    raw: str | None = None,
    pixel_format: str = "rgb24",
    input_format: str | None = None,
    timeout: float | None = None,
    reconnect: float = 0.0,
    frames: int | None = None,
    duration: float | None = None,
    sync: float = 1.0,
    stopping: Callable[[], bool] | None = None,
    device: str = "auto",
    force: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    progress: "Callable[[Live], None] | None" = None,
) -> StreamReport | FadingMemoryReport:
    """Compress frames as they come, in constant memory, into a latent that is readable at any moment.

    source: a file, '-' for standard input, a camera ('camera:0', '/dev/video0') or an address (http://,
        tcp://, udp://, rtsp://); or any iterable of frames, uint8 (H, W, 3) RGB or (H, W), (H, W, 1) gray,
        all of one size H, W ≥ 1. Frames are copied as they are taken, by another thread and up to five
        ahead; an iterable that waits for each frame (a camera of your own) is fine. Or an open
        `imfn_cli.frames.Sequence`, which has been told already what rate to timeout say.
    output: the latent to write; unless given, NAME.safetensors in the current directory. An iterable needs
        one.
    model, ratio, quality, gop, effort, device, force, limits: as in `compress`; gop and effort are of an
        adaptive forest, whose nodes are trees of up to 64 frames.   low_delay: trees of one frame.
    tree: the exact tree, online, instead of the student; log2(ratio) memories instead of one.
    forget: keep one memory of all that was, finer for the recent past, fixed in size and rewritten every
        `sync` seconds; ratio, quality and tree do not count then. half_life: frames after which an error
        counts half, 1 to 1,000,000, 32 unless given.
    rate: frames per second: of an iterable or of raw frames (25 unless given), or asked of a camera.
    size: 'WIDTHxHEIGHT' that is asked of a camera.
    raw, pixel_format: 'WIDTHxHEIGHT' and FFmpeg's pixel format of a source without a container.
    input_format: FFmpeg's name of the source's format, where it cannot be told.
    timeout: seconds without a frame after which a source counts as lost, 0 for never; unless given, 10 for
        addresses and cameras, never for others.
    reconnect: seconds for which an address that is lost is opened again, its frames going on with the gap in
        their times; 0 for not at all. An end is a loss too, unless the address says how long it is.
    frames, duration: end after so many frames, or seconds of presentation time.
    sync: seconds, at most, of finished nodes that a power cut may cost.
    stopping: asked all the time; once it says True the stream ends well, its tail included; frames read ahead
        are left out.
    progress: called after each frame with where the stream is: its frames, nodes, bytes and memory_mb.

    Raises what `compress` raises, before the first frame or after it. A source that breaks off (`InputError`,
    or what the iterable raised) or an interruption leaves what was finished in the file, readable. ValueError
    for wrong values.

    >>> import numpy as np, imfn_cli as imfn
    >>> def wheel():
    ...     for t in range(20):
    ...         yield np.roll(np.arange(64 * 48 * 3, dtype=np.uint8).reshape(48, 64, 3), t, axis=1)
    >>> report = imfn.stream(wheel(), "wheel.safetensors", ratio=8, rate=25)
    >>> report.frames, report.nodes, report.ended  # two full trees of 8, one of 4
    (20, 3, 'source')
    >>> len(list(imfn.read_frames("wheel.safetensors", 5, 12)))
    7
    """
    if not isinstance(ratio, str):
        ratio = operator.index(ratio)
    elif ratio != defaults.AUTO:
        raise ValueError(f'ratio {ratio!r}: must be a power of two, or "auto"')
    quality = bitstream.checked_quality(quality)
    _check_stream(frames, duration, half_life, forget, sync)
    place = codec.stream_place(source, output, force=force)
    loaded = stream_model(model, ratio, quality, tree=tree, forget=forget, device=device, limits=limits)
    ends: dict[str, Any] = {
        "frames": frames,
        "duration": duration,
        "stopping": stopping or (lambda: False),
        "force": force,
        "progress": progress or (lambda _: None),
    }
    opened = (
        nullcontext(source)
        if isinstance(source, media.Sequence)
        else _open_stream(source, rate, size, raw, pixel_format, input_format, timeout, reconnect)
    )
    with opened as sequence:
        if forget:
            return codec.stream_into_memory(
                sequence, place, loaded, half_life=half_life or defaults.HALF_LIFE, every=sync, **ends
            )
        forest: codec.LiveForest
        if isinstance(ratio, str):
            shape = sequence.info.height, sequence.info.width
            forest = codec.LiveAdaptiveForest(
                loaded, shape, quality=quality, gop=gop, effort=effort, low_delay=low_delay
            )
        else:
            forest = codec.FixedForest(loaded, ratio=ratio, quality=quality, student=not tree)
        return codec.stream_sequence(sequence, place, loaded, forest, sync=sync, **ends)


def _check_stream(
    frames: int | None, duration: float | None, half_life: float | None, forget: bool, sync: float
) -> None:
    if frames is not None and frames < 1:
        raise ValueError(f"{frames} frames; name a number from 1")
    if duration is not None and not duration > 0:
        raise ValueError(f"{duration} seconds; name a number above 0")
    if half_life is not None and not (forget and 1 <= half_life <= 1e6):
        raise ValueError("half_life needs forget=True and a number of frames from 1 to 1,000,000")
    if not sync >= 0:
        raise ValueError(f"sync every {sync} seconds; name a number from 0")


def _open_stream(
    source: "str | Path | Iterable[np.ndarray]",
    rate: "float | str | Fraction | None",
    size: str | None,
    raw: str | None,
    pixel_format: str,
    input_format: str | None,
    timeout: float | None,
    reconnect: float,
) -> "Sequence":
    if isinstance(source, str | Path):
        video = None if raw is None else media.RawVideo.parse(raw, pixel_format, rate)
        asked = None if raw is not None else rate
        return media.open_live(
            str(source),
            raw=video,
            input_format=input_format,
            size=size,
            rate=asked,
            timeout=timeout,
            reconnect=reconnect,
        )
    if any(value is not None for value in (size, raw, input_format, timeout)) or reconnect:
        raise ValueError(
            "size, raw, input_format, timeout and reconnect are of sources with a name, not of an iterable"
        )
    if rate is None:
        return media.GivenFrames(source)
    return media.GivenFrames(source, media.parse_rate(rate))


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
                progress=_counting(
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
            progress=_counting(progress, None),
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
        progress=_counting(progress, count),
    )


def memories(
    source: "str | Path | Source | np.ndarray | Tensor | Iterable[np.ndarray | Tensor]",
    *,
    ratio: int = defaults.RATIO,
    model: "str | Path | Model | None" = None,
    student: bool = False,
    fit: bool = False,
    frames: Selection | None = None,
    device: str = "auto",
) -> "Tensor":
    """The memories of a sequence as features, (N, C, h, w) float32 on the CPU; no file is written.

    Each stands for `ratio` frames, in order, in floats, in the unit of pixels / 255. What no whole tree holds
    is in the last ones, of fewer frames: powers of two, the largest first, as in a latent. h, w: the frame's
    size over the patch's, rounded up. All of them are in memory at once; `write_memories` needs one.

    Arguments and errors as in `compress`. Of arrays that are no pictures of 8 bits, and of others with
    `fit`, they are those of a tree that is fitted to the array, or read from `model`'s file: (N, K, h, w), in
    units of the array's range.

    >>> import numpy as np, imfn_cli as imfn
    >>> imfn.memories(np.zeros((20, 48, 64, 3), np.uint8), ratio=8, model="video-linear").shape
    torch.Size([3, 192, 6, 8])
    """
    # Importing this module loads nothing heavy.
    import torch

    if isinstance(source, str | Path):
        source = _one_source(source)
    found, _ = _memories(source, ratio, model, fit, device, student, frames or (0, None), None)
    return torch.stack([memory for _, memory in found])


def write_memories(
    source: "str | Path | Source",
    output: str | Path | None = None,
    *,
    ratio: int = defaults.RATIO,
    model: "str | Path | Model | None" = None,
    student: bool = False,
    fit: bool = False,
    frames: Selection | None = None,
    device: str = "auto",
    force: bool = False,
    progress: Progress | None = None,
) -> MemoriesReport:
    """`memories` into a .npy file, one by one: clip.memories.npy beside clip.mp4 unless `output` is given.

    Raises what `memories` raises, and `OutputError`.
    """
    began = time.perf_counter()
    if isinstance(source, str | Path):
        source = _one_source(source)
    place = source.default_output(".memories.npy") if output is None else Path(output)
    if place.suffix.lower() != ".npy":
        raise OutputError(f"{place}: memories are written as .npy; name such a file with -o")
    check_output(place, force=force)
    levels = []
    found, name = _memories(source, ratio, model, fit, device, student, frames or (0, None), progress)
    with replacing(place, force=force) as temporary, media.GrowingNpy(temporary) as file:
        for level, memory in found:
            file.append(memory.numpy())
            levels.append(level)
    return MemoriesReport(
        source=source.name,
        output=str(place),
        model=name,
        ratio=ratio,
        frames=sum(1 << level for level in levels),
        shape=file.shape,
        levels=tuple(levels),
        seconds=time.perf_counter() - began,
    )


def _memories(
    source: "Source | np.ndarray | Tensor | Iterable[np.ndarray | Tensor]",
    ratio: int,
    model: "str | Path | Model | None",
    fit: bool,
    device: str,
    student: bool,
    frames: Selection,
    progress: Progress | None,
) -> "tuple[Iterator[tuple[int, Tensor]], str]":
    """Memories as they are made, and the name of their model; none of a tree that is fitted."""
    if goes_as_array(source, model, fit=fit):
        if student:
            raise ValueError("a tree of arrays has no student; leave it out")
        file = None if model is None else Path(str(model))
        return _memories_of_array(source, ratio, file, frames, progress), "" if file is None else file.stem
    loaded = _loaded(model, device, DEFAULT_LIMITS)
    return _memories_of_sequence(source, ratio, loaded, student, frames, progress), loaded.name


def _memories_of_array(
    source: object, ratio: int, model: Path | None, frames: Selection, progress: Progress | None
) -> "Iterator[tuple[int, Tensor]]":
    with _opened_array(source, *frames) as array:
        counting = _counting(progress, array.frames)
        yield from array_trees.memories_of_array(array, operator.index(ratio), model, counting)


def _memories_of_sequence(
    source: "Source | np.ndarray | Tensor | Iterable[np.ndarray | Tensor]",
    ratio: int,
    model: "Model",
    student: bool,
    frames: Selection,
    progress: Progress | None,
) -> "Iterator[tuple[int, Tensor]]":
    with _open(source, None, *frames, None, False) as sequence:
        counting = _counting(progress, sequence.info.frame_count)
        yield from codec.memories_of(
            sequence, model, ratio=operator.index(ratio), student=student, progress=counting
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
        return _verified_array(opened, source, frames, progress)
    loaded, notes = _writer_if_there(path, opened, model, limits)
    if isinstance(opened, bitstream.FadingMemoryFile):
        if source is not None:
            raise InputError(
                f"{path}: one memory of a whole stream; only a latent is compared with its source"
            )
        assert isinstance(path, Path)
        report = codec.verify_fading_memory(path, opened, loaded, limits)
    else:
        report = codec.verify_latent(opened, loaded, progress=_counting(progress, len(opened.nodes)))
        if source is not None:
            report = replace(report, compared=_compared(opened, loaded, source, frames, notes, progress))
    return replace(report, notes=notes)


def _verified_array(
    opened: "bitstream.ArrayFile",
    source: "str | Path | Source | np.ndarray | None",
    frames: Selection | None,
    progress: Progress | None,
) -> VerifyReport:
    counting = _counting(progress, len(opened.groups))
    if source is None:
        return codec.verify_array(opened, progress=counting)
    if isinstance(source, str | Path):
        source = _one_source(source)
    array: media.ArraySource = (
        media.open_samples(source) if isinstance(source, media.Source) else media.GivenArray(source)
    )
    with array:
        if frames is not None and frames != (0, None):
            chosen = media.selected(str(opened.path), array.frames, *frames)
            array = media.PartOfArray(array, chosen.start, chosen.stop)
        return codec.verify_array(opened, array, progress=counting)


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
        source = _one_source(source)
    with _open(source, None, start, stop, None, False) as sequence:
        counting = _counting(progress, reader.header.frames)
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


def stream_model(
    model: "str | Path | Model | None",
    ratio: int | str,
    quality: float,
    *,
    tree: bool,
    forget: bool,
    device: str,
    limits: Limits = DEFAULT_LIMITS,
) -> "Model":
    """The model that a stream goes through; what it cannot do is raised here, before a camera is opened."""
    loaded = _loaded(model, device, limits)
    if isinstance(ratio, str):
        codec.check_fits(loaded)
    elif not forget:
        network.level_of_ratio(ratio, loaded.network.config.levels)
        bitstream.checked_quality(quality)
        if not tree:
            loaded.student(ratio)
    return loaded


def _loaded(model: "str | Path | Model | None", device: str, limits: Limits) -> "Model":
    return model if isinstance(model, zoo.Model) else zoo.load(model, device=device, limits=limits)


def _one_source(name: str | Path) -> "Source":
    sources = media.expand_inputs([str(name)])
    if len(sources) != 1:
        raise InputError(f"{name}: holds {len(sources)} sequences; compress them one at a time")
    return sources[0]


def _open(
    source: "Source | np.ndarray | Tensor | Iterable[np.ndarray | Tensor]",
    rate: "float | str | Fraction | None",
    start: int,
    stop: int | None,
    stream: int | None,
    audio: bool,
) -> "Sequence":
    if stream is not None and not (isinstance(source, media.Source) and source.paths):
        raise InputError("stream: one of several can be chosen of a file only")
    if isinstance(source, media.Source) and not source.paths:
        live = media.open_live(media.STDIN)
        return live if (start, stop) == (0, None) else media.Part(live, start, stop)
    if isinstance(source, media.Source):
        return media.open_sequence(source, start=start, stop=stop, stream=stream, audio=audio)
    # Importing this module loads nothing heavy.
    import numpy as np

    sequence: Sequence
    if isinstance(source, np.ndarray):
        sequence = media.LoadedArray(source, start=start, stop=stop)
    else:
        sequence = media.GivenFrames(map(_as_array, source))
        if (start, stop) != (0, None):
            sequence = media.Part(sequence, start, stop)
    if rate is not None:
        exact = media.parse_rate(rate)
        sequence.info = replace(sequence.info, time_base=1 / exact, frame_rate=exact)
    return sequence


def _as_array(frame: "np.ndarray | Tensor") -> "np.ndarray":
    """A frame as NumPy has it; a tensor of floats (C, H, W) in [0, 1] as uint8 (H, W, C)."""
    import torch

    if not isinstance(frame, torch.Tensor):
        return frame
    if frame.is_floating_point():
        frame = (frame.clamp(0, 1) * 255).round().byte().movedim(0, -1)
    # Detached, and on the CPU.
    return frame.numpy(force=True)


def _counting(progress: Progress | None, count: int | None) -> Callable[[int], None]:
    return lambda done: progress(done, count) if progress is not None else None
