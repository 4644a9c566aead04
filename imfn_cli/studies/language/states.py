"""Hidden states as sequences of vectors: what compressors learn from and are measured on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from ..vectors.compressors import Components, principal_components
from .language_model import LanguageModel

#: Called as work goes on: (what is done, done, in all).
Progress = Callable[[str, int, int], None]
# Standard deviation of vectors: about that of pixels in [0, 1], which the constants of training are made for.
_DEVIATION = 0.2
# Contexts that go through the language model at once.
_BATCH = 32


@dataclass(frozen=True)
class States:
    """States of contexts that the language model read each by itself.

    text: bytes (contexts, T + 1), the last one to be predicted only.   vectors: states (contexts, T, D) times
    `factor`.   key: what checkpoints know them by.
    """

    text: Tensor
    vectors: Tensor
    factor: float
    key: str

    @property
    def size(self) -> int:
        """D, numbers in a state."""
        return self.vectors.shape[2]

    @property
    def flat(self) -> Tensor:
        """All vectors in the order of the text, (contexts · T, D)."""
        return self.vectors.flatten(0, 1)

    def sequences(self, count: int, length: int, random: np.random.Generator) -> Tensor:
        """`count` random stretches of `length` vectors, none across two contexts: (count, length, D)."""
        contexts, context = self.vectors.shape[:2]
        chosen = torch.from_numpy(random.integers(contexts, size=count))
        starts = torch.from_numpy(random.integers(context - length + 1, size=count))
        return self.vectors[chosen[:, None], starts[:, None] + torch.arange(length)]

    def frame_windows(
        self, count: int, length: int, crop: int, random: np.random.Generator, *, flips: bool
    ) -> Tensor:
        """`sequences` as frames of one patch, (count · length, 1, D, 1). Text is never turned round."""
        return self.sequences(count, length, random).reshape(-1, 1, self.size, 1)

    def components(self) -> Components:
        """Principal components of all vectors."""
        return principal_components(self.flat)

    def split(self, contexts: int) -> tuple[Self, Self]:
        """The first but for the last `contexts` contexts, and those."""
        cut = len(self.text) - contexts
        kind = type(self)
        first = kind(self.text[:cut], self.vectors[:cut], self.factor, self.key)
        return first, kind(self.text[cut:], self.vectors[cut:], self.factor, self.key)


@torch.inference_mode()
def states_of(
    model: LanguageModel,
    text: Tensor,
    contexts: int,
    *,
    key: str,
    factor: float | None = None,
    progress: Progress = lambda *_: None,
) -> States:
    """States of up to `contexts` contexts of `text` (length,), evenly spread over all of it.

    factor: of other states; by default such that these have a standard deviation of 0.2.
    """
    length = model.shape.context
    whole = (len(text) - 1) // length
    count = min(contexts, whole)
    starts = length * torch.from_numpy(np.linspace(0, whole - 1, count).astype(np.int64))
    stretches = text[starts[:, None] + torch.arange(length + 1)]
    made = []
    for index, part in enumerate(stretches.split(_BATCH)):
        progress("hidden states", index * _BATCH, count)
        made.append(model.states(part[:, :-1]))
    vectors = torch.cat(made)
    if factor is None:
        centred = vectors.flatten(0, 1) - vectors.flatten(0, 1).mean(0)
        factor = _DEVIATION / float(centred.square().mean().sqrt())
    return States(stretches, vectors.mul_(factor), factor, key)
