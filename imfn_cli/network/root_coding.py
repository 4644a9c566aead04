"""How a memory was stored: what its inverse may know beside the memory itself."""

from dataclasses import dataclass
from math import log2

import torch
from torch import Tensor

# Steps lie between 0 (not quantised) and 1024 levels of 8 bits; see `latent/quantiser.py`.
_LARGEST_STEP = 1024 / 255


@dataclass(frozen=True)
class RootCoding:
    """The root that a memory was split from.

    level: of the root.   step: its quantisation step in units of the pixels' range, 0 for floats.
    refine: whether the leaf transform may refine what comes of it.
    """

    level: int
    step: float = 0.0
    refine: bool = True

    def condition(self, levels: int) -> Tensor:
        """(1, levels + 1) numbers in [0, 1]: the step's logarithm, then the level as a unit vector."""
        vector = torch.zeros(1, levels + 1)
        vector[0, 0] = log2(1 + 255 * self.step) / log2(1 + 255 * _LARGEST_STEP)
        if self.level:
            vector[0, self.level] = 1
        return vector
