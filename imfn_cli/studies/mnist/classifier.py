"""The judge of restored digits: one fixed small convolutional network, trained on originals only."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..trained_cache import load_trained, save_trained
from .sequences import SIDE, Digits, unit

#: Called while it trains: (what is done, images seen, images in all).
Progress = Callable[[str, int, int], None]

_BATCH = 125
_PEAK_RATE = 3e-3
_SEED = 0


def _network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * (SIDE // 4) ** 2, 128),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(128, 10),
    )


class Classifier:
    """Which digit an image shows."""

    def __init__(self, network: nn.Sequential) -> None:
        self._network = network.requires_grad_(False).eval()

    def recognise(self, images: Tensor) -> Tensor:
        """Images (…, 784) in [0, 1] → digits (…,) int64."""
        rows = images.reshape(-1, 1, SIDE, SIDE)
        with torch.inference_mode():
            found = [self._network(part).argmax(1) for part in rows.split(1024)]
        return torch.cat(found).reshape(images.shape[:-1])

    def accuracy(self, images: Tensor, labels: Tensor) -> float:
        """Part of images (…, 784) whose digit is that of labels (…,), from 0 to 1."""
        return float((self.recognise(images) == labels).double().mean())


def train_classifier(
    train: Digits, *, epochs: int = 4, cache: Path | None = None, progress: Progress = lambda *_: None
) -> Classifier:
    """Train on all images of `train`, or load from the folder `cache` what was trained on as many before.

    Always from the same seed, so that every run has the same judge. Raises `ImfnError` where what is in the
    folder does not fit.
    """
    network = _network()
    path = None
    if cache is not None:
        print_of_data = hashlib.sha256(train.images.numpy().tobytes()).hexdigest()[:12]
        path = cache / f"classifier-{epochs}-{print_of_data}.pt"
        if path.is_file():
            with load_trained(path) as state:
                network.load_state_dict(state)
            return Classifier(network)
    generator = torch.Generator().manual_seed(_SEED)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        for module in network:
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.reset_parameters()
        optimiser = torch.optim.AdamW(network.parameters(), fused=True)
        steps = epochs * (-(-len(train) // _BATCH))
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _PEAK_RATE, total_steps=steps)
        network.train()
        for epoch in range(epochs):
            for index in torch.randperm(len(train), generator=generator).split(_BATCH):
                images = unit(train.images[index]).reshape(-1, 1, SIDE, SIDE)
                loss = functional.cross_entropy(network(images), train.labels[index])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
            progress("classifier of originals", (epoch + 1) * len(train), epochs * len(train))
    if path is not None:
        save_trained(path, network.state_dict())
    return Classifier(network)
