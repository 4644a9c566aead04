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
    `split` is the least-squares inverse of `merge`. The branches learn what a linear map cannot do; they take
    in neighbouring positions too. A merge depends on its pair only, so that one tree serves every ratio and
    quality; a split is told how the root was coded (`RootCoding`).

    With `config.independent` each of the 2**level frames below keeps channels of its own, and the branches
    are shared by them: see `interleave`.
    """

    def __init__(self, config: IMFNConfig, level: int) -> None:
        super().__init__()
        c = config.channels
        self.map = OrthonormalMap(2 * c, c)
        #: Frames that have channels of their own in a memory of this level; 1 where they share all.
        self.apart = 1 << level if config.independent else 1
        self.merge_branch: Branch | None = None
        self.split_branch: Branch | None = None
        if config.independent:
            self.interleave()
        width = 0 if config.is_linear else config.widths[level - 1]
        if width:
            kernel = config.kernel
            c //= self.apart
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
            learned = self.merge_branch(self.pairs_by_frame(pairs - self.map.mean))
            memory = memory + self._memories_together(learned)
        return memory.permute(0, 3, 1, 2)

    def split(self, memory: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Memory (N, C, h, w) → left, right (N, C, h, w); condition (1, levels + 1) for the branch."""
        rows = memory.permute(0, 2, 3, 1)
        pairs = self.map.inverse(rows)
        if self.split_branch is not None:
            pairs = pairs + self._pairs_together(self.split_branch(self.memories_by_frame(rows), condition))
        left, right = pairs.permute(0, 3, 1, 2).chunk(2, dim=1)
        return left, right

    def interleave(self) -> None:
        """Set the linear map to keep the first half of both memories' channels in turns: left, right, …

        For independent frames in energy-sorted channels this is the Karhunen–Loève transform: nothing of one
        frame tells anything of another. Channel k · r + i of a memory over r frames is then number k of one
        frame i (in bit-reversed order of time).
        """
        channels = self.map.weight.shape[0]
        row = torch.arange(channels)
        basis = torch.zeros_like(self.map.weight)
        basis[row, row // 2 + channels * (row % 2)] = 1
        self.map.fit(basis, torch.zeros_like(self.map.mean))

    def pairs_by_frame(self, pairs: Tensor) -> Tensor:
        """(N, h, w, 2C) → (N · frames, h, w, 2C / frames), frames with channels of their own as a batch."""
        if self.apart == 1:
            return pairs
        n, h, w, _ = pairs.shape
        cut = pairs.reshape(n, h, w, 2, -1, self.apart // 2)
        return cut.permute(0, 5, 3, 1, 2, 4).reshape(n * self.apart, h, w, -1)

    def memories_by_frame(self, rows: Tensor) -> Tensor:
        """(N, h, w, C) → (N · frames, h, w, C / frames), frames with channels of their own as a batch."""
        if self.apart == 1:
            return rows
        n, h, w, _ = rows.shape
        return rows.reshape(n, h, w, -1, self.apart).permute(0, 4, 1, 2, 3).reshape(n * self.apart, h, w, -1)

    def _pairs_together(self, values: Tensor) -> Tensor:
        if self.apart == 1:
            return values
        _, h, w, k = values.shape
        cut = values.reshape(-1, self.apart // 2, 2, h, w, k)
        return cut.permute(0, 3, 4, 2, 5, 1).reshape(-1, h, w, k * self.apart)

    def _memories_together(self, values: Tensor) -> Tensor:
        if self.apart == 1:
            return values
        _, h, w, k = values.shape
        return (
            values.reshape(-1, self.apart, h, w, k).permute(0, 2, 3, 4, 1).reshape(-1, h, w, k * self.apart)
        )
