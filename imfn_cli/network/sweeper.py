"""The sweeper: two neighbouring memories into one of the same size, and its inverse (paper, section 3)."""

import torch
from torch import Tensor, nn

from .branch import Branch
from .config import IMFNConfig
from .linear import OrthonormalMap


class Sweeper(nn.Module):
    """One level's 2→1 merge and its inverse, the same at every grid position.

    left, right (N, C, h, w) ──W [left; right] + branch──▶ memory (N, C, h, w) ──Wᵀ + branch──▶ left, right

    The linear part: W is (C, 2C) with orthonormal rows, so without branches `merge(*split(m)) == m` and
    `split` is the least-squares inverse of `merge`. The branches learn what a linear map cannot do; they look
    at neighbouring positions too. A merge depends on its pair alone, so that one tree serves every ratio and
    quality; a split is told how the root was stored (`stored.py`).
    """

    def __init__(self, config: IMFNConfig, level: int) -> None:
        super().__init__()
        c = config.channels
        self.map = OrthonormalMap(2 * c, c)
        self.merge_branch: Branch | None = None
        self.split_branch: Branch | None = None
        if not config.is_linear:
            width, kernel = config.widths[level - 1], config.kernel
            self.merge_branch = Branch(2 * c, c, width, config.merge_blocks, kernel=kernel)
            self.split_branch = Branch(
                c, 2 * c, width, config.split_blocks, kernel=kernel, conditions=config.levels + 1
            )

    @staticmethod
    def stack(left: Tensor, right: Tensor) -> Tensor:
        """left, right (N, C, h, w) → pairs (N, h, w, 2C), what the linear map works on."""
        return torch.cat((left.permute(0, 2, 3, 1), right.permute(0, 2, 3, 1)), dim=-1)

    def merge(self, left: Tensor, right: Tensor) -> Tensor:
        """left, right (N, C, h, w), left before right in time → memory (N, C, h, w)."""
        pairs = self.stack(left, right)
        memory: Tensor = self.map(pairs)
        if self.merge_branch is not None:
            memory = memory + self.merge_branch(pairs - self.map.mean)
        return memory.permute(0, 3, 1, 2)

    def split(self, memory: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Memory (N, C, h, w) → left, right (N, C, h, w); condition (1 or N, levels + 1) for the branch."""
        rows = memory.permute(0, 2, 3, 1)
        pairs = self.map.inverse(rows)
        if self.split_branch is not None:
            pairs = pairs + self.split_branch(rows, condition)
        left, right = pairs.permute(0, 3, 1, 2).chunk(2, dim=1)
        return left, right
