"""What the functions of the API are handed: models, sources, frames; and how they tell progress."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import media, zoo
from ..errors import InputError
from ..limits import Limits
from .types import Progress

if TYPE_CHECKING:
    from fractions import Fraction

    import numpy as np
    from torch import Tensor

    from ..media import Sequence, Source
    from ..zoo import Model


def loaded_model(model: "str | Path | Model | None", device: str, limits: Limits) -> "Model":
    return model if isinstance(model, zoo.Model) else zoo.load(model, device=device, limits=limits)


def one_source(name: str | Path) -> "Source":
    sources = media.expand_inputs([str(name)])
    if len(sources) != 1:
        raise InputError(f"{name}: holds {len(sources)} sequences; compress them one at a time")
    return sources[0]


def opened_sequence(
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


def counting_up(progress: Progress | None, count: int | None) -> Callable[[int], None]:
    return lambda done: progress(done, count) if progress is not None else None
