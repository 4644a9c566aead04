"""What can be read from a memory directly: small networks on memories, the same for every compressor."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..vectors.compressors import Compressor
from .moving import moving_clips
from .sequences import Digits, batches_of

#: Called as probes are trained: (what is done, probes done, probes in all).
Progress = Callable[[str, int, int], None]

_HIDDEN = 1024
_BATCH = 128
_RATE = 1e-3
_DROPOUT = 0.3
_CLASSES = 10


@dataclass(frozen=True)
class ProbePlan:
    """How probes are trained: sequences to train on and to test on, passes over them, images in a sequence.

    clip: frames of a moving clip that are in the memory; the next one is predicted.
    """

    train: int = 4096
    epochs: int = 30
    length: int = 64
    clip: int = 16
    test_clips: int = 512
    seed: int = 0


@dataclass(frozen=True)
class ProbeResult:
    """What a probe reached on test sequences, and what is reached without a memory.

    task: "digit at position" (accuracy, 0 … 1), "count of a digit" (mean absolute error, digits), "next
    frame" (mean squared error, pixels in [0, 1]). chance: always the most frequent digit, the mean count, the
    mean frame of the training sequences. by_position: accuracy at each position, for the first task.
    """

    model: str
    task: str
    value: float
    chance: float
    by_position: tuple[float, ...] = ()


def probe(
    compressors: list[Compressor],
    train: Digits,
    test: Digits,
    plan: ProbePlan,
    *,
    progress: Progress = lambda *_: None,
) -> list[ProbeResult]:
    """All three tasks on the memories of each compressor. Same sequences, same probe, same seed for all."""
    random = np.random.default_rng(plan.seed)
    images, labels = train.draw(plan.train, plan.length, random)
    clips = moving_clips(train, plan.train, plan.clip + 1, seed=plan.seed)
    test_images, test_labels = test.cut(plan.length, longest=plan.length, seed=plan.seed)
    test_clips = moving_clips(test, plan.test_clips, plan.clip + 1, seed=plan.seed + 1)
    counts, test_counts = _counts(labels), _counts(test_labels)
    results = []
    for index, compressor in enumerate(compressors):
        progress("probes on memories", index, len(compressors))
        name = compressor.name
        there, here = memories_of(compressor, images), memories_of(compressor, test_images)
        which = _fit(there, labels, plan, _right_digit)(here).unflatten(1, (plan.length, _CLASSES))
        right = (which.argmax(-1) == test_labels).double()
        most = labels.flatten().mode().values
        chance = float((test_labels == most).double().mean())
        by_position = tuple(right.mean(0).tolist())
        results.append(ProbeResult(name, "digit at position", float(right.mean()), chance, by_position))

        counted = _fit(there, counts, plan, functional.mse_loss)(here)
        error, chance = _absolute(counted - test_counts), _absolute(counts.mean(0) - test_counts)
        results.append(ProbeResult(name, "count of a digit", error, chance))

        there, here = memories_of(compressor, clips[:, :-1]), memories_of(compressor, test_clips[:, :-1])
        last, test_last = clips[:, -1], test_clips[:, -1]
        predicted = _fit(there, last, plan, functional.mse_loss)(here).clamp(0, 1)
        error, chance = _squared(predicted - test_last), _squared(last.mean(0) - test_last)
        results.append(ProbeResult(name, "next frame", error, chance))
    return results


def memories_of(compressor: Compressor, images: Tensor) -> Tensor:
    """Images (B, N, 784) → memories (B, M), a part at a time."""
    with torch.inference_mode():
        return torch.cat([compressor.compress(part) for part in batches_of(images, 4096)]).clone()


def _fit(
    memories: Tensor, targets: Tensor, plan: ProbePlan, loss_of: Callable[[Tensor, Tensor], Tensor]
) -> Callable[[Tensor], Tensor]:
    """Train memories (B, M) → targets (B, …): a hidden layer beside a linear map. Returns the prediction.

    Integer targets are classes, of which there are `_CLASSES`; others are numbers, and start at their mean.
    """
    mean, scale = memories.mean(0), memories.std(0).clamp_min(1e-6 * float(memories.std()))
    centre, unit = torch.zeros(()), torch.ones(())
    outputs = _CLASSES * targets.shape[1]
    if targets.dtype != torch.int64:
        outputs, centre, unit = targets.shape[1], targets.mean(0), (targets - targets.mean(0)).std()
        targets = (targets - centre) / unit
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        network = _Probe(memories.shape[1], outputs)
        optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0.05, fused=True)
        steps = plan.epochs * -(-len(memories) // _BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
        for _ in range(plan.epochs):
            for index in torch.randperm(len(memories)).split(_BATCH):
                loss = loss_of(network((memories[index] - mean) / scale), targets[index])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
    network.requires_grad_(False).eval()
    return lambda values: network((values - mean) / scale) * unit + centre


class _Probe(nn.Module):
    """Linear map + one hidden layer: (B, M) → (B, outputs)."""

    def __init__(self, size: int, outputs: int) -> None:
        super().__init__()
        self.direct = nn.Linear(size, outputs)
        self.hidden = nn.Sequential(nn.Linear(size, _HIDDEN), nn.GELU(), nn.Dropout(_DROPOUT))
        self.bent = nn.Linear(_HIDDEN, outputs)
        # Silent at first: what is not learned stays at the mean, and adds no noise.
        for last in (self.direct, self.bent):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, values: Tensor) -> Tensor:
        out: Tensor = self.direct(values) + self.bent(self.hidden(values))
        return out


def _right_digit(outputs: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of outputs (B, N · 10) for labels (B, N): one classifier for every position."""
    return functional.cross_entropy(outputs.reshape(-1, _CLASSES), labels.reshape(-1))


def _counts(labels: Tensor) -> Tensor:
    """Labels (B, N) → how often each digit occurs, (B, 10) floats."""
    return functional.one_hot(labels, _CLASSES).sum(1).float()


def _absolute(error: Tensor) -> float:
    return float(error.abs().double().mean())


def _squared(error: Tensor) -> float:
    return float(error.square().double().mean())
