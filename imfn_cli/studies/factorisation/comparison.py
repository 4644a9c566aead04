"""Linear tree, trained tree and one-step network on the same whole windows of clips, memories in float."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ...errors import InputError
from ...evaluation.float_psnr import FloatRow, float_rows, mean_by_ratio
from ...evaluation.plot import fitted_exponent
from ...evaluation.tables import write_csv
from ...media import Source
from ...network import IMFN, MemoryNetwork
from ..growth_plot import draw_growth
from .size import trained_numbers
from .train_one_step import TrainedOneStep

#: Called with (what is done, clips done, clips in all).
Progress = Callable[[str, int, int], None]
#: The networks as the tables name them; the last is the one-step network.
LINEAR, TRAINED, UNFACTORISED = "linear tree", "trained tree", "unfactorised"


@dataclass(frozen=True)
class Contender:
    """One network of the comparison. steps, seconds: of its training; 0 where it is in closed form."""

    name: str
    network: MemoryNetwork
    steps: int = 0
    seconds: float = 0.0

    @property
    def ratios(self) -> tuple[int, ...]:
        """The ratios that the network offers."""
        return self.network.config.ratios

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return next(self.network.parameters()).device


@dataclass(frozen=True)
class RatioRow:
    """One network at one ratio: means over frames, then clips.

    psnr: in dB.   mse: in squared 8-bit levels.   exponent: k of mse ~ ratio^k between half the ratio and
    this one, None at 2:1.   parameters: trained numbers that this ratio uses, both ways.
    """

    network: str
    ratio: int
    psnr: float
    mse: float
    exponent: float | None
    parameters: int


@dataclass(frozen=True)
class GrowthRow:
    """One network over all ratios from 2:1: mse = factor · ratio^exponent, least squares on the logarithms.

    exponent: below 1 the error grows slower than the sequence; None where there are fewer than two ratios.
    last: the same between the two largest ratios only. The smallest ratios lose next to nothing, so that no
    one power fits them all.
    """

    network: str
    exponent: float | None
    last: float | None
    factor: float | None
    steps: int
    seconds: float


@dataclass(frozen=True)
class FactorisationResults:
    """All that was measured. by_clip: network → rows of every clip and ratio."""

    ratios: list[RatioRow]
    growth: list[GrowthRow]
    by_clip: dict[str, list[FloatRow]]

    def to_dict(self) -> dict[str, Any]:
        """The means as JSON values."""
        return {
            "ratios": [asdict(row) for row in self.ratios],
            "growth": [asdict(row) for row in self.growth],
        }


def contenders_of(tree: IMFN, one_step: TrainedOneStep, *, steps: int, seconds: float) -> list[Contender]:
    """The tree without its branches, the tree, and its one-step network.

    steps, seconds: of the tree's training.
    """
    return [
        Contender(LINEAR, tree.linear_part()),
        Contender(TRAINED, tree, steps, float(seconds)),
        Contender(UNFACTORISED, one_step.network, one_step.steps, one_step.seconds),
    ]


def compare_networks(
    contenders: Sequence[Contender], sources: Sequence[Source], *, progress: Progress = lambda *_: None
) -> FactorisationResults:
    """Measure every contender at every ratio, over the frames that fill whole windows (`float_rows`).

    Raises `InputError` for a clip that cannot be read, and where none is long enough for any ratio.
    """
    ratios: list[RatioRow] = []
    growth: list[GrowthRow] = []
    by_clip: dict[str, list[FloatRow]] = {}
    for contender in contenders:

        def named(_: str, done: int, total: int, name: str = contender.name) -> None:
            progress(f"measuring the {name}", done, total)

        found = float_rows(contender, sources, progress=named)
        by_clip[contender.name] = found
        rows = _ratio_rows(contender, found)
        if not rows:
            raise InputError("no clip has two frames; name longer ones")
        ratios += rows
        points = _points(rows)
        exponent, factor = fitted_exponent(points) if len(points) > 1 else (None, None)
        last = rows[-1].exponent
        growth.append(GrowthRow(contender.name, exponent, last, factor, contender.steps, contender.seconds))
    return FactorisationResults(ratios, growth, by_clip)


def write_factorisation(folder: Path, model: str, results: FactorisationResults) -> None:
    """Three tables and the picture of the growth, their names ending in the model's.

    Raises `OutputError` where `folder` cannot be written, `ImfnError` without matplotlib.
    """
    clips = [{"network": name, **asdict(row)} for name, rows in results.by_clip.items() for row in rows]
    tables = {
        "": [asdict(row) for row in results.ratios],
        "-growth": [asdict(row) for row in results.growth],
        "-clips": clips,
    }
    for stem, rows in tables.items():
        write_csv(folder / f"factorisation{stem}-{model}.csv", list(rows[0]), rows)
    curves = {
        name: _points([row for row in results.ratios if row.network == name]) for name in results.by_clip
    }
    count = len({row["clip"] for row in clips})
    draw_growth(
        folder / f"factorisation-growth-{model}.png",
        {name: points for name, points in curves.items() if points},
        title=f"Growth of the error, {model}, memories in float, {count} clip{'s' if count != 1 else ''}",
        length="r, frames per memory",
        error="mean squared error, 8-bit levels²",
        symbol="r",
        guide=True,
    )


def _ratio_rows(contender: Contender, found: Sequence[FloatRow]) -> list[RatioRow]:
    rows: list[RatioRow] = []
    # At 1:1 all are the same leaf transform.
    psnr = {ratio: value for ratio, value in mean_by_ratio(found).items() if ratio > 1}
    before: float | None = None
    for ratio, value in psnr.items():
        errors = [row.mse for row in found if row.ratio == ratio]
        mse = sum(errors) / len(errors)
        exponent = math.log2(mse / before) if before and mse else None
        parameters = trained_numbers(contender.network, ratio.bit_length() - 1)
        rows.append(RatioRow(contender.name, ratio, value, mse, exponent, parameters))
        before = mse
    return rows


def _points(rows: Sequence[RatioRow]) -> list[tuple[int, float]]:
    """What a line is fitted through; what restores exactly has no logarithm."""
    return [(row.ratio, row.mse) for row in rows if row.mse > 0]
