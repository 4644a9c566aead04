"""From sequences to a linear model in closed form: maps, then coding tables."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..bitstream.entropy.entropy_model import EntropyModel
from ..media import Source
from ..network import IMFN, IMFNConfig
from .entropy_fit import Samples
from .klt_fit import Progress, fit_maps, levels_note
from .samples import CLIP_SAMPLE, Sample, sample_memories
from .stages import Stages
from .tables import fit_tables, plan_tables

# Parts of a time limit: for the maps, and to read the clips once more for the tables.
_MAPS, _SAMPLES = 0.5, 0.15
_MAPS_STAGE = "maps"


@dataclass(frozen=True)
class Fit:
    """A fitted linear model and what it was fitted to.

    residuals: mean squared error per pixel that each level's merge adds, leaf first.   notes: what differs
    from what was asked for, one line each.
    """

    network: IMFN
    entropy: EntropyModel
    clips: int
    frames: int
    residuals: tuple[float, ...]
    notes: tuple[str, ...] = ()


def fit_linear(
    sources: Sequence[Source],
    config: IMFNConfig,
    *,
    seed: int = 0,
    sample: Sample = CLIP_SAMPLE,
    stages: Stages | None = None,
    after: float = 0.0,
    progress: Progress,
) -> Fit:
    """Fit leaf, sweepers and entropy model to `sources`; raises `InputError` as `fit_maps` does.

    sample: of the memories, that the entropy model is fitted to.   stages: of a run on disk; its budget
    bounds the fit, and what it holds is not done again.   after: part of a time limit to leave for later.
    """
    stages = stages or Stages()
    budget = stages.budget
    network, frames, residuals = fit_maps(
        sources,
        config,
        budget=budget,
        share=_MAPS,
        state=stages.get(_MAPS_STAGE),
        keep=lambda state: stages.keep(_MAPS_STAGE, state),
        progress=progress,
    )

    def sampled(size: Sample, some: Sequence[Source] = sources) -> Samples:
        return sample_memories(network, some, size, seed=seed, over=budget.over(_SAMPLES), progress=progress)

    plan = plan_tables(
        lambda size: sampled(size, sources[:1]), config.channels, sample.positions, budget, has_tables=False
    )
    seconds = budget.left - budget.part(_SAMPLES) - budget.part(after)
    entropy = fit_tables(
        sampled, config.channels, plan.sample(sample, seconds), stages, made_at=0, progress=progress
    )
    notes = levels_note(config.levels, network.config.levels)
    return Fit(network, entropy, len(sources), frames, residuals, notes)
