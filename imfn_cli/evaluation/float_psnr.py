"""What the memories themselves lose: PSNR at each ratio with memories in float, no quantisation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from ..media import Source
from ..network import MemoryNetwork
from ..training.data import batches

Progress = Callable[[str, int, int], None]


class Measured(Protocol):
    """What is measured: a `Model`, or another network with as much of one."""

    @property
    def network(self) -> MemoryNetwork: ...

    @property
    def ratios(self) -> tuple[int, ...]: ...

    @property
    def device(self) -> torch.device: ...


@dataclass(frozen=True)
class FloatRow:
    """One clip at one ratio, before rounding to 8 bits: means over its frames.

    psnr: in dB.   mse: mean squared error in squared 8-bit levels.
    """

    clip: str
    ratio: int
    frames: int
    psnr: float
    mse: float


@torch.inference_mode()
def float_rows(
    model: Measured, sources: Sequence[Source], *, progress: Progress = lambda *_: None
) -> list[FloatRow]:
    """PSNR of every clip at every ratio of the model, over the frames that fill whole trees of that ratio.

    Frames left over at the end of a clip are not counted, since a file holds them at a smaller ratio. PSNR
    is against the 8-bit source; the restored frames are clamped to [0, 1] but not rounded.
    """
    rows = []
    network = model.network
    for index, source in enumerate(sources):
        progress("PSNR with float memories", index, len(sources))
        errors: dict[int, list[torch.Tensor]] = {ratio: [] for ratio in model.ratios}
        for frames in batches(source, network.config, multiple=model.ratios[-1]):
            frames = frames.to(model.device)
            climbed = network.climb(frames, network.config.levels)
            for ratio, memories in zip(model.ratios, climbed, strict=True):
                if not len(memories):
                    break
                restored = network.restore(memories, ratio, *frames.shape[2:]).clamp_(0, 1)
                error = restored.sub_(frames[: len(restored)]).square_()
                errors[ratio].append(error.mean(dim=(1, 2, 3)).cpu())
        for ratio, found in errors.items():
            if found:
                mse = torch.cat(found).double()
                psnr = float((-10 * mse.log10()).mean())
                rows.append(FloatRow(source.paths[0].name, ratio, len(mse), psnr, 255**2 * float(mse.mean())))
    return rows


def mean_by_ratio(rows: Sequence[FloatRow]) -> dict[int, float]:
    """Ratio → mean over the clips of their PSNR in dB."""
    ratios = sorted({row.ratio for row in rows})
    by_ratio = {ratio: [row.psnr for row in rows if row.ratio == ratio] for ratio in ratios}
    return {ratio: sum(values) / len(values) for ratio, values in by_ratio.items()}
