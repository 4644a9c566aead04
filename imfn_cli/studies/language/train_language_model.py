"""Training the language model: AdamW over a number of steps, so that the same text gives the same model."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...training.schedule import learning_rate_at
from ..trained_cache import load_trained, save_trained, trained_path
from .corpus import Corpus
from .language_model import LanguageModel, LanguageShape

#: Called as work goes on: (what is done, done, in all).
Progress = Callable[[str, int, int], None]
#: Steps between two checkpoints: what a kill costs at most.
CHECKPOINT_STEPS = 50


@dataclass(frozen=True)
class LanguagePlan:
    """steps: of the optimiser, on `batch` contexts each.   learning_rate: peak.   warmup: part of steps."""

    steps: int = 1000
    batch: int = 8
    learning_rate: float = 2e-3
    warmup: float = 0.05
    weight_decay: float = 0.1
    clip: float = 1.0
    seed: int = 0


def train_language_model(
    shape: LanguageShape,
    plan: LanguagePlan,
    corpus: Corpus,
    *,
    cache: Path | None = None,
    progress: Progress = lambda *_: None,
    checkpoint_steps: int = CHECKPOINT_STEPS,
) -> LanguageModel:
    """Train on `corpus.train`; the model is returned in evaluation mode.

    cache: folder of checkpoints. A run that was stopped goes on from its last to the same end. Raises
    `ImfnError` where a checkpoint is damaged, `OutputError` where the folder cannot be written.
    """
    torch.manual_seed(plan.seed)
    random = np.random.default_rng(plan.seed)
    model = LanguageModel(shape)
    decayed = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=plan.weight_decay, fused=True)
    text = bytes_tensor(corpus.train)
    path = trained_path(cache, "language-model", asdict(shape), asdict(plan), corpus.sha256)
    done = 0
    if path is not None and path.is_file():
        with load_trained(path) as state:
            model.load_state_dict(state["model"])
            if state["optimiser"] is not None:
                optimiser.load_state_dict(state["optimiser"])
            random.bit_generator.state = json.loads(state["random"])
            done = state["steps"]

    def keep(steps: int) -> None:
        if path is not None:
            state: dict[str, Any] = {"model": model.state_dict(), "steps": steps}
            state["optimiser"] = optimiser.state_dict() if steps < plan.steps else None
            state["random"] = json.dumps(random.bit_generator.state)
            save_trained(path, state)

    for step in range(done, plan.steps):
        progress("language model", step, plan.steps)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate_at(plan.learning_rate, step / plan.steps, plan.warmup)
        drawn = _draw(text, plan.batch, shape.context + 1, random)
        loss = functional.cross_entropy(model(drawn[:, :-1]).flatten(0, 1), drawn[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), plan.clip)
        optimiser.step()
        if (step + 1) % checkpoint_steps == 0 or step + 1 == plan.steps:
            keep(step + 1)
    return model.requires_grad_(False).eval()


def bytes_tensor(text: bytes) -> Tensor:
    """Bytes → int64 (length,)."""
    return torch.from_numpy(np.frombuffer(text, np.uint8).astype(np.int64))


def _draw(text: Tensor, count: int, length: int, random: np.random.Generator) -> Tensor:
    """`count` random stretches of `text`, (count, length)."""
    starts = torch.from_numpy(random.integers(len(text) - length + 1, size=count))
    return text[starts[:, None] + torch.arange(length)]
