"""The linear IMFN in closed form: leaf and sweepers as Karhunen–Loève transforms, level by level."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..bitstream.entropy.entropy_model import EntropyModel
from ..errors import InputError
from ..media import Source
from ..network import IMFN, IMFNConfig, SecondMoments, Sweeper
from .climb import Climb
from .data import BATCH_PIXELS, batches
from .entropy_fit import fit_entropy
from .samples import CLIP_SAMPLE, Sample, sample_memories

#: Called as work goes on: (what is done, clips done, clips in all).
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Fit:
    """A fitted linear model and what it was fitted to."""

    network: IMFN
    entropy: EntropyModel
    clips: int
    frames: int
    residuals: tuple[float, ...]  # mean squared error per pixel that each level's merge adds, leaf first


def fit_linear(
    sources: Sequence[Source],
    config: IMFNConfig,
    *,
    seed: int = 0,
    sample: Sample = CLIP_SAMPLE,
    progress: Progress,
) -> Fit:
    """Fit leaf, sweepers and entropy model to `sources`; raises `InputError` as `fit_maps` does.

    sample: of the memories, that the entropy model is fitted to.
    """
    network, frames, residuals = fit_maps(sources, config, progress=progress)
    samples = sample_memories(network, sources, sample, seed=seed, progress=progress)
    entropy = fit_entropy(samples, config.channels, progress)
    return Fit(network, entropy, len(sources), frames, residuals)


def fit_maps(
    sources: Sequence[Source], config: IMFNConfig, *, batch_pixels: int = BATCH_PIXELS, progress: Progress
) -> tuple[IMFN, int, tuple[float, ...]]:
    """Fit leaf and sweepers to `sources`, a pass over the clips for each.

    A sweeper is fitted to all neighbouring pairs of memories, those across two trees included; of independent
    frames only the leaf is fitted, and the sweepers follow. Returns the network, the number of frames, and
    the error that each fitted level adds (`Fit.residuals`). Raises `InputError`
    when a clip cannot be read, or when no clip is long enough for the highest level.
    """
    network = IMFN(config).requires_grad_(False).eval()
    residuals = []
    frames = 0
    for level in range(1 if config.independent else config.levels + 1):
        moments = SecondMoments(config.patch_size if level == 0 else 2 * config.channels)
        for index, source in enumerate(sources):
            progress(
                "leaf transform" if level == 0 else f"sweeper {level} of {config.levels}", index, len(sources)
            )
            climb = Climb(network, level - 1)
            last: Tensor | None = None
            for batch in batches(source, config, pixels=batch_pixels):
                if level == 0:
                    frames += len(batch)
                    moments.update(network.leaf.patches(batch).flatten(0, 2))
                    continue
                memories = climb(batch)[-1]
                if last is not None:
                    memories = torch.cat((last, memories))
                if len(memories) > 1:
                    moments.update(Sweeper.stack(memories[:-1], memories[1:]).flatten(0, 2))
                last = memories[-1:]
        if moments.origin is None:
            raise InputError(
                f"no clip has {1 << level} frames, which level {level} needs; "
                "add longer clips or lower --levels"
            )
        basis, mean, variances = moments.klt(config.channels)
        (network.leaf.map if level == 0 else network.sweeper(level).map).fit(basis, mean)
        pixels = config.patch_size * (1 << level)
        residuals.append(float(variances[config.channels :].sum()) / pixels)
    return network, frames, tuple(residuals)
