"""Trees of arrays, fitted in closed form to the array itself or once for many: latents and features."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import bitstream, codec, media, training, zoo
from .errors import InputError, ModelError
from .reports import ArrayReport, FitReport, TrainingData
from .system.files import check_output
from .version import __version__

if TYPE_CHECKING:
    from torch import Tensor

# Features, and models of many arrays, are as fine as this quality's step.
_FINE = 80
_MOST_LEVELS = 6


def compress_memories(
    source: "media.ArraySource",
    place: Path,
    *,
    ratio: int,
    quality: float,
    model: str | Path | None = None,
    gop: int | None = None,
    force: bool = False,
    progress: Any = None,
) -> ArrayReport:
    """Compress an array into memories of `ratio` frames, by a tree fitted to it or that of `model`'s file.

    Raises `InputError`, `OutputError`, and `ModelError` for a model of other frames.
    """
    began = time.perf_counter()
    step = bitstream.step_of_quality(quality)
    ratio = _checked_ratio(source, ratio)
    found = codec.range_of(source)
    tree, span = _tree(source, found, ratio, step, model)
    fitting = time.perf_counter() - began
    report = codec.compress_tree(
        source, place, tree, span, ratio=ratio, step=step, quality=quality, gop=gop, force=force,
        progress=progress, before=fitting,
    )  # fmt: skip
    return report


def memories_of_array(
    source: "media.ArraySource", ratio: int, model: str | Path | None, progress: Callable[[int], None]
) -> "Iterator[tuple[int, Tensor]]":
    """The memories of an array in floats, in order of time: level and (K, h, w), in units of its range."""
    ratio = _checked_ratio(source, ratio)
    step = bitstream.step_of_quality(_FINE)
    tree, span = _tree(source, codec.range_of(source), ratio, step, model)
    yield from codec.tree_memories(source, tree, span, ratio, progress)


def fit_array_model(
    names: Sequence[str], output: Path, *, levels: int, force: bool, command: str, progress: Any
) -> FitReport:
    """Fit one tree to many arrays of one frame shape, and write its file; see `workflows.fit`."""
    began = time.perf_counter()
    check_output(output, force=force)
    with ExitStack() as stack:
        sources = [stack.enter_context(media.open_array(name)) for name in names]
        frames = max(source.frames for source in sources)
        if frames < 2:
            raise InputError("no array has two frames, which merging needs; name longer ones")
        levels = min(levels, _MOST_LEVELS, frames.bit_length() - 1)
        found = [codec.range_of(source) for source in sources]
        ends = [float(end) for one in found for end in (one.low, one.high) if end is not None]
        low, high = (min(ends), max(ends)) if ends else (0.0, 0.0)
        span = codec.Span(low, high, (low, high))
        size = codec.plane_size(sources[0])
        for source in sources:
            if codec.plane_size(source)[2] != size[2]:
                raise InputError(
                    f"{source.name}: has other channels than {sources[0].name}; fit one kind at a time"
                )
        total = sum(math.prod(source.shape) for source in sources)
        patch = training.patch_for(size, total)
        share = training.MOST_SAMPLES // len(sources)

        def windows() -> Iterator[Any]:
            for index, source in enumerate(sources):
                progress("fitting", index, len(sources))
                yield from codec.windows(source, 1 << levels, share, span)

        tree = training.fit_tree(windows(), patch, levels, bitstream.step_of_quality(_FINE))
        seen = sum(source.frames for source in sources)
        about = {
            "data": training.short_names(names), "arrays": len(sources), "command": command,
            "frames": seen, "channels": tree.channels,
            "patch": list(patch), "largest_ratio": 1 << len(tree.sweepers),
        }  # fmt: skip
    zoo.write_array_model(output, zoo.ArrayModel(tree, (low, high), about), force=force)
    return FitReport(
        path=str(output),
        name=output.stem,
        kind="array",
        tool=f"imfn {__version__}",
        command=command,
        data=TrainingData(training.short_names(names), len(sources), seen),
        seconds=round(time.perf_counter() - began),
        hardware=training.hardware_and_torch("cpu"),
        notes=(
            f"ratios up to {1 << len(tree.sweepers)}:1, {tree.channels} numbers for each patch of {patch}",
        ),
    )


def _checked_ratio(source: "media.ArraySource", ratio: int) -> int:
    """The ratio, no larger than the array has frames. Raises `RatioError` and `InputError`."""
    codec.check_tree_ratio(source, ratio)
    return min(ratio, 1 << source.frames.bit_length() - 1)


def _tree(
    source: "media.ArraySource", found: Any, ratio: int, step: float, model: str | Path | None
) -> "tuple[Any, codec.Span]":
    """The tree, fitted or read, and its span with the array's bounds."""
    span, size = codec.span_of(found), codec.plane_size(source)
    levels = ratio.bit_length() - 1
    if model is None:
        patch = training.patch_for(size, math.prod(source.shape))
        spread = codec.windows(source, ratio, training.MOST_SAMPLES, span)
        return training.fit_tree(spread, patch, levels, step), span
    made = zoo.read_array_model(model)
    rows, columns, channels = made.model.patch
    wrong = channels > size[2] or (size[2] % channels and channels > 1) or (rows > 1 and size[0] == 1)
    if wrong or not zoo.tree_of(made.model).fits(size):
        raise ModelError(
            f"{model}: its patches of {rows}×{columns}×{channels} samples do not fit frames of "
            f"{size[0]}×{size[1]}×{size[2]} in {source.name}; fit one to such arrays"
        )
    if len(made.model.sweepers) < levels:
        raise ModelError(
            f"{model}: has ratios up to {1 << len(made.model.sweepers)}; name one of those with -r"
        )
    return made.model, codec.Span(*made.span, span.bounds)
