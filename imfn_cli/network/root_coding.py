"""How a root was coded: what the inverse tree knows beside the decoded memory itself."""

from dataclasses import dataclass
from math import log2

import torch
from torch import Tensor

# Steps lie between 0 (not quantised) and 1024 levels of 8 bits; see `bitstream/quantiser.py`.
_LARGEST_STEP = 1024 / 255


@dataclass(frozen=True)
class RootCoding:
    """How the root was coded that a memory is, or was split from. Every split below it is told.

    level: of the root.   step: its quantisation step in units of the pixels' range, 0 where it is in floats.
    refine: whether the leaf transform may refine the leaves that come of it (`LeafTransform.refine`).
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
