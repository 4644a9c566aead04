"""What the memories themselves lose: PSNR at each ratio with memories kept in float, no quantisation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ..frames import Source
from ..model import Model
from ..training.data import batches

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class FloatRow:
    """One clip at one ratio: mean over its frames of the PSNR in dB, before rounding to 8 bits."""

    clip: str
    ratio: int
    frames: int
    psnr: float


@torch.inference_mode()
def float_rows(
    model: Model, sources: Sequence[Source], *, progress: Progress = lambda *_: None
) -> list[FloatRow]:
    """PSNR of every clip at every ratio of the model, over the frames that fill whole trees of that ratio.

    Frames left over at the end of a clip are not counted, since they would be stored at a smaller ratio. PSNR
    is against the 8-bit source; the restored frames are clamped to [0, 1] but not rounded.
    """
    rows = []
    network = model.network
    for index, source in enumerate(sources):
        progress("PSNR with float memories", index, len(sources))
        errors: dict[int, list[torch.Tensor]] = {ratio: [] for ratio in model.ratios}
        for frames in batches(source, network.config, multiple=model.ratios[-1]):
            frames = frames.to(model.device)
            memories: torch.Tensor = network.leaf(frames)
            for level, ratio in enumerate(model.ratios):
                if level:
                    pairs = len(memories) // 2
                    memories = network.merge(memories[0 : 2 * pairs : 2], memories[1 : 2 * pairs : 2], level)
                if not len(memories):
                    break
                restored = network.restore(memories, ratio, *frames.shape[2:]).clamp_(0, 1)
                error = restored.sub_(frames[: len(restored)]).square_()
                errors[ratio].append(error.mean(dim=(1, 2, 3)).cpu())
        for ratio, found in errors.items():
            if found:
                mse = torch.cat(found).double()
                rows.append(
                    FloatRow(source.paths[0].name, ratio, len(mse), float((-10 * mse.log10()).mean()))
                )
    return rows


def mean_by_ratio(rows: Sequence[FloatRow]) -> dict[int, float]:
    """Ratio → mean over the clips of their PSNR in dB."""
    ratios = sorted({row.ratio for row in rows})
    by_ratio = {ratio: [row.psnr for row in rows if row.ratio == ratio] for ratio in ratios}
    return {ratio: sum(values) / len(values) for ratio, values in by_ratio.items()}
