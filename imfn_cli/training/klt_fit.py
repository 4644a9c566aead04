"""The linear IMFN in closed form: leaf and sweepers as Karhunen–Loève transforms, level by level."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..errors import InputError
from ..media import Source
from ..network import IMFN, IMFNConfig, SecondMoments, Sweeper
from .budget import Budget, never
from .climb import Climb
from .data import BATCH_PIXELS, batches

#: Called as work goes on: (what is done, clips done, clips in all).
Progress = Callable[[str, int, int], None]
#: Called after each level with all that is needed to go on from there.
Keep = Callable[[dict[str, Any]], None]


class Maps(NamedTuple):
    """Leaf and sweepers in closed form.

    network: of as many levels as the longest clip allows.   frames: seen.   residuals: mean squared error per
    pixel that each level's merge adds, leaf first.
    """

    network: IMFN
    frames: int
    residuals: tuple[float, ...]


def fit_maps(
    sources: Sequence[Source],
    config: IMFNConfig,
    *,
    batch_pixels: int = BATCH_PIXELS,
    budget: Budget | None = None,
    share: float = 1.0,
    state: dict[str, Any] | None = None,
    keep: Keep = lambda _: None,
    progress: Progress,
) -> Maps:
    """Fit leaf and sweepers to `sources`, a pass over the clips for each.

    A sweeper is fitted to all neighbouring pairs of memories, those across two trees included; of independent
    frames only the leaf is fitted, and the sweepers follow. Where no clip has the frames that the highest
    levels need, the network has fewer. A pass ends early where its part of that `share` of the budget is
    over. state: what `keep` was last called with, to go on from there. Raises `InputError` when a clip cannot
    be read, or none has two frames.
    """
    begun = state or {"levels": config.levels, "frames": 0, "residuals": (), "network": {}}
    config = replace(config, levels=begun["levels"])
    network = IMFN(config).requires_grad_(False).eval()
    network.load_state_dict(begun["network"], strict=False)
    frames, residuals = begun["frames"], list(begun["residuals"])
    passes = 1 if config.independent else config.levels + 1
    for level in range(len(residuals), passes):
        over = budget.over(share / passes) if budget else never
        moments = SecondMoments(config.patch_size if level == 0 else 2 * config.channels)
        what = "leaf transform" if level == 0 else f"sweeper {level} of {network.config.levels}"
        longest = 0
        for index, source in enumerate(sources):
            progress(what, index, len(sources))
            count = _gather(network, level, source, moments, batch_pixels, over)
            longest = max(longest, count)
            frames += count if level == 0 else 0
            if over() and moments.origin is not None:
                break
        if level == 0 and not config.independent:
            network = _with_levels(network, longest)
        basis, mean, variances = moments.klt(config.channels)
        (network.leaf.map if level == 0 else network.sweeper(level).map).fit(basis, mean)
        pixels = config.patch_size * (1 << level)
        residuals.append(float(variances[config.channels :].sum()) / pixels)
        keep(
            {
                "levels": network.config.levels,
                "frames": frames,
                "residuals": residuals,
                "network": network.state_dict(),
            }
        )
        if level == network.config.levels:
            break
    return Maps(network, frames, tuple(residuals))


def _gather(
    network: IMFN,
    level: int,
    source: Source,
    moments: SecondMoments,
    batch_pixels: int,
    over: Callable[[], bool],
) -> int:
    """Add what one clip shows of a level to `moments`; returns the frames seen."""
    climb = Climb(network, level - 1)
    last: Tensor | None = None
    frames = 0
    for batch in batches(source, network.config, pixels=batch_pixels):
        frames += len(batch)
        if level == 0:
            moments.update(network.leaf.patches(batch).flatten(0, 2))
        else:
            memories = climb(batch)[-1]
            if last is not None:
                memories = torch.cat((last, memories))
            if len(memories) > 1:
                moments.update(Sweeper.stack(memories[:-1], memories[1:]).flatten(0, 2))
            last = memories[-1:]
        if over() and moments.origin is not None:
            break
    return frames


def _with_levels(network: IMFN, longest: int) -> IMFN:
    """`network` with no more levels than `longest` frames fill. Raises `InputError` where they fill none."""
    if longest < 2:
        raise InputError("no clip has two frames, which merging needs; add longer clips")
    levels = min(network.config.levels, longest.bit_length() - 1)
    if levels == network.config.levels:
        return network
    return IMFN(replace(network.config, levels=levels)).requires_grad_(False).eval()


def levels_note(wanted: int, levels: int) -> tuple[str, ...]:
    """What to tell where a network has fewer levels than were asked for; nothing where it has as many."""
    if levels == wanted:
        return ()
    return (
        f"no clip has {1 << wanted} frames: {levels} levels instead of {wanted}, "
        f"ratios up to {1 << levels}:1",
    )
