"""Training a baseline within a time budget: AdamW, warm-up, a cosine to zero at the budget's end.

With a folder for checkpoints, a run that was stopped goes on where it was, and a finished one is not trained
again.
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ...errors import ImfnError
from ...training.schedule import learning_rate_at
from ..trained_cache import load_trained, save_trained, trained_path
from .baselines import SequenceAutoencoder, Shape
from .compressors import Components

#: Called while a baseline trains: (what is done, seconds spent, seconds in all).
Progress = Callable[[str, int, int], None]
#: Points of a curve, at equal times.
CURVE_POINTS = 50
#: Seconds of training between two checkpoints: what a kill costs at most.
CHECKPOINT_SECONDS = 60.0
# Sequences shorter than the longest come more at a time, up to this factor: they are cheap.
_MORE_SHORT = 4
# Part of the learning rate for the matrices that write and read the memory.
_WIDE_FACTOR = 0.03


class TrainingVectors(Protocol):
    """What baselines are trained on."""

    @property
    def key(self) -> int | str:
        """What a run's checkpoint knows the data by."""

    @property
    def size(self) -> int:
        """Numbers in a vector."""

    def sequences(self, count: int, length: int, random: np.random.Generator) -> Tensor:
        """`count` random sequences, (count, length, size)."""

    def components(self) -> Components:
        """Principal components of all vectors."""


@dataclass(frozen=True)
class BaselinePlan:
    """How a baseline is trained.

    minutes: time for training steps, nothing else.   batch: longest sequences in a step.
    learning_rate: its peak.   warmup: part of the budget in which it rises.
    longest_share: part of the steps that see sequences of the longest length; the others draw one of the
    shorter powers of two, as the tree serves all of them too.
    """

    minutes: float
    seed: int = 0
    batch: int = 8
    learning_rate: float = 1e-3
    warmup: float = 0.03
    weight_decay: float = 0.01
    clip: float = 1.0
    longest_share: float = 0.5


@dataclass
class TrainedBaseline:
    """A baseline after `seconds` of training steps. curve: (step, vectors seen, mean error of
    training sequences of the longest length since the last point)."""

    network: SequenceAutoencoder
    steps: int = 0
    vectors: int = 0
    seconds: float = 0.0
    curve: list[tuple[int, int, float]] = field(default_factory=list)


class DivergedError(ImfnError):
    """The loss of a baseline is no number any more. run: as far as it came."""

    def __init__(self, message: str, run: TrainedBaseline) -> None:
        super().__init__(message)
        self.run = run


def shape_for(shape: Shape, parameters: int, size: int) -> Shape:
    """`shape` with as few layers, at least its own, as make a network of `parameters` numbers or more.

    size: numbers in a vector.
    """
    with torch.device("meta"):
        base = SequenceAutoencoder(replace(shape, layers=1), size).parameters_count
        layer = SequenceAutoencoder(replace(shape, layers=2), size).parameters_count - base
    return replace(shape, layers=max(shape.layers, 1 + math.ceil((parameters - base) / layer)))


def train_baseline(
    shape: Shape,
    plan: BaselinePlan,
    train: TrainingVectors,
    *,
    cache: Path | None = None,
    progress: Progress = lambda *_: None,
    clock: Callable[[], float] = time.perf_counter,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> TrainedBaseline:
    """Train until `plan.minutes` of `clock` are used up; the network is returned in evaluation mode.

    cache: folder of checkpoints, written every `checkpoint_seconds` of training. Raises `DivergedError` where
    the loss is no number any more, `ImfnError` where a checkpoint is damaged, `OutputError` where the folder
    cannot be written.
    """
    budget = 60 * plan.minutes
    torch.manual_seed(plan.seed)
    random = np.random.default_rng(plan.seed)
    run = TrainedBaseline(SequenceAutoencoder(shape, train.size))
    network = run.network
    network.start_from(train.components())
    optimiser = torch.optim.AdamW(_groups(network), weight_decay=plan.weight_decay, fused=True)
    path = _path(cache, shape, plan, train.key)
    if path is not None and path.is_file():
        _resume(path, run, optimiser, random)
    what = f"{network.name}, seed {plan.seed}, learning rate {plan.learning_rate:g}"
    losses: list[float] = []
    saved = run.seconds
    while run.seconds < budget:
        began = clock()
        rate = learning_rate_at(plan.learning_rate, run.seconds / budget, plan.warmup)
        length = _length(shape.positions, plan.longest_share, random)
        count = plan.batch * min(_MORE_SHORT, shape.positions // length)
        vectors = train.sequences(count, length, random)
        loss = _step(network, optimiser, vectors, rate, plan.clip)
        # Shorter sequences are easier by an order of magnitude: a mean over all would say nothing.
        if length == shape.positions:
            losses.append(loss)
        run.steps += 1
        run.vectors += count * length
        run.seconds += clock() - began
        if not math.isfinite(loss):
            raise DivergedError(
                f"{what}: the loss is no number after {run.steps} steps; lower --learning-rates", run
            )
        if losses and run.seconds >= min(1.0, (len(run.curve) + 1) / CURVE_POINTS) * budget:
            run.curve.append((run.steps, run.vectors, sum(losses) / len(losses)))
            losses.clear()
        if path is not None and run.seconds - saved > checkpoint_seconds:
            _save(path, run, optimiser, random)
            saved = run.seconds
        progress(what, round(run.seconds), round(budget))
    if path is not None and run.seconds > saved:
        _save(path, run, None, random)
    network.requires_grad_(False).eval()
    return run


def _step(
    network: SequenceAutoencoder, optimiser: torch.optim.Optimizer, vectors: Tensor, rate: float, clip: float
) -> float:
    """One step on vectors (B, N, size) at the learning rate `rate`; the mean squared error before it."""
    for group in optimiser.param_groups:
        group["lr"] = group["factor"] * rate
    loss = (network(vectors) - vectors).square().mean()
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
    optimiser.step()
    return float(loss.detach())


def _groups(network: SequenceAutoencoder) -> list[dict[str, Any]]:
    """Parameters, and the factor of their learning rate: less for matrices that see all positions at once.

    Adam moves every weight alike; sums over 64 positions then move 64 times as far, and what the start had
    in the memory is lost before anything is learned.
    """
    wide = [network.write, network.read]
    others = [p for p in network.parameters() if all(p is not w for w in wide)]
    return [{"params": others, "factor": 1.0}, {"params": wide, "factor": _WIDE_FACTOR}]


def _length(longest: int, longest_share: float, random: np.random.Generator) -> int:
    if longest < 4 or random.random() < longest_share:
        return longest
    return 1 << int(random.integers(1, longest.bit_length() - 1))


# -- checkpoints ---------------------------------------------------------------------------------------


def _path(cache: Path | None, shape: Shape, plan: BaselinePlan, data: int | str) -> Path | None:
    return trained_path(cache, f"{shape.kind}-{plan.seed}", asdict(shape), asdict(plan), data)


def _save(
    path: Path, run: TrainedBaseline, optimiser: torch.optim.Optimizer | None, random: np.random.Generator
) -> None:
    state: dict[str, Any] = {
        "network": run.network.state_dict(),
        "optimiser": None if optimiser is None else optimiser.state_dict(),
        "random": json.dumps(random.bit_generator.state),
        "steps": run.steps,
        # The name that checkpoints of earlier versions have.
        "images": run.vectors,
        "seconds": run.seconds,
        "curve": run.curve,
    }
    save_trained(path, state)


def _resume(
    path: Path, run: TrainedBaseline, optimiser: torch.optim.Optimizer, random: np.random.Generator
) -> None:
    with load_trained(path) as state:
        run.network.load_state_dict(state["network"])
        if state["optimiser"] is not None:
            optimiser.load_state_dict(state["optimiser"])
        random.bit_generator.state = json.loads(state["random"])
    run.steps, run.vectors, run.seconds = state["steps"], state["images"], state["seconds"]
    run.curve = [tuple(point) for point in state["curve"]]
