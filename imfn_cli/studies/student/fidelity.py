"""What is lost: tree against student, memories in floats, at every ratio."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...codec.encoder import encode_intra
from ...media import Source
from ...network import level_of_ratio
from ...zoo import Model
from .frames import first_frames, psnr_of

Progress = Callable[[str, int, int], None]

#: Quality whose step the bits are counted at.
QUALITY = 50


@dataclass(frozen=True)
class FidelityRow:
    """One clip at one ratio, over the frames that fill whole windows; memories in floats.

    psnr_*: dB before rounding to 8 bits, mean over frames, of the tree's memories and of the student's, both
    through the same inverse tree.   distance: root mean squared difference of the memories over the deviation
    of the tree's.   bytes_*: of all memories, quantised at `QUALITY` and coded.
    """

    clip: str
    ratio: int
    frames: int
    psnr_tree: float
    psnr_student: float
    distance: float
    bytes_tree: int
    bytes_student: int


@torch.inference_mode()
def fidelity_rows(
    model: Model, sources: Sequence[Source], *, frames: int = 128, progress: Progress = lambda *_: None
) -> list[FidelityRow]:
    """Tree against student on the first `frames` frames of each clip, at every ratio from 2.

    A ratio that a clip is too short for is left out. Raises `InputError`, and `ModelError` (no student).
    """
    rows = []
    for index, source in enumerate(sources):
        progress("tree against student", index, len(sources))
        values = first_frames(model, source, frames)
        for ratio in model.ratios[1:]:
            count = len(values) // ratio * ratio
            if count:
                rows.append(_fidelity(model, source.paths[0].name, values[:count], ratio))
    return rows


def _fidelity(model: Model, clip: str, frames: Tensor, ratio: int) -> FidelityRow:
    level = level_of_ratio(ratio, model.network.config.levels)
    student = model.student(ratio)
    roots = model.compress(frames, ratio)
    found = torch.cat([student.compress(window) for window in frames.split(ratio)])
    psnr: list[float] = []
    for memories in (roots, found):
        # One tree at a time: 64 frames in floats are enough.
        errors = [
            (model.restore(one, ratio, *frames.shape[2:]).clamp_(0, 1) - window).square_().mean(dim=(1, 2, 3))
            for one, window in zip(memories.split(1), frames.split(ratio), strict=True)
        ]
        psnr.append(float(psnr_of(torch.cat(errors)).mean()))
    sizes = [
        sum(len(encode_intra(model, (level, one), QUALITY)[1]) for one in memories.split(1))
        for memories in (roots, found)
    ]
    distance = float((found - roots).square().mean().sqrt() / roots.std())
    return FidelityRow(clip, ratio, len(frames), psnr[0], psnr[1], distance, sizes[0], sizes[1])


def mean_fidelity(rows: Sequence[FidelityRow]) -> list[dict[str, float]]:
    """One line per ratio: means over clips, and the sums of bytes."""
    means = []
    for ratio in sorted({row.ratio for row in rows}):
        here = [row for row in rows if row.ratio == ratio]
        line: dict[str, float] = {"ratio": ratio, "clips": len(here)}
        for name in ("psnr_tree", "psnr_student", "distance"):
            line[name] = sum(getattr(row, name) for row in here) / len(here)
        for name in ("bytes_tree", "bytes_student"):
            line[name] = sum(getattr(row, name) for row in here)
        means.append(line)
    return means
