"""What one memory of an endless sequence holds: PSNR against the age of a frame."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...media import Source
from ...network.fading_memory import FadingMemory
from ...zoo import Model
from .frames import first_frames, psnr_of

Progress = Callable[[str, int, int], None]

# Frames of the clips that the one memory is shown at most.
_PAST = 256


@dataclass(frozen=True)
class AgeRow:
    """How well frames of one age come out of one memory of C numbers a position: mean PSNR in dB over clips.

    method: "forget" (half-life in frames), "last 64 frames" (the tree's root, which knows nothing older), or
    "average" (one mean picture, as large).
    """

    method: str
    age: int
    clips: int
    psnr: float


@torch.inference_mode()
def age_rows(
    model: Model,
    sources: Sequence[Source],
    half_lives: Sequence[float] = (16, 32, 64),
    *,
    progress: Progress = lambda *_: None,
) -> list[AgeRow]:
    """PSNR against age at the end of each clip, or after 256 frames, of one memory as large as a frame's."""
    found: dict[str, dict[int, list[float]]] = {}
    memories = [FadingMemory(model.network, half_life) for half_life in half_lives]
    window = model.ratios[-1]
    for index, source in enumerate(sources):
        progress("PSNR against age", index, len(sources))
        frames = first_frames(model, source, _PAST)
        size = frames.shape[2], frames.shape[3]
        for memory in memories:
            state = memory.reset(*size)
            for frame in frames:
                state = memory.step(state, frame[None])
            for first in range(0, len(frames), 32):
                ages = range(first, min(first + 32, len(frames)))
                restored = memory.restore(state, len(frames), *size, ages)
                _note(found, f"forget, half-life {memory.half_life:g}", frames, restored, ages)
        if len(frames) >= window:
            root = model.compress(frames[-window:], window)
            restored = model.restore(root, window, *size).flip(0)
            _note(found, f"last {window} frames", frames, restored, range(window))
        every = range(len(frames))
        _note(found, "average", frames, frames.mean(dim=0, keepdim=True), every)
    return [
        AgeRow(method, age, len(values), sum(values) / len(values))
        for method, by_age in found.items()
        for age, values in sorted(by_age.items())
    ]


def _note(
    found: dict[str, dict[int, list[float]]], method: str, frames: Tensor, restored: Tensor, ages: range
) -> None:
    """Take in the PSNR of restored frames of these ages; the newest comes first."""
    originals = frames.flip(0)[ages.start : ages.stop]
    errors = (restored.clamp(0, 1) - originals).square().mean(dim=(1, 2, 3))
    for age, value in zip(ages, psnr_of(errors).tolist(), strict=True):
        found.setdefault(method, {}).setdefault(age, []).append(value)
