"""The paper's recurrent student: the whole tree as one update per frame, with one memory and nothing else."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .branch import Branch
from .config import IMFNConfig
from .folded import fold
from .leaf import LeafTransform
from .root_coding import RootCoding
from .tree import IMFN


class Update(nn.Module):
    """What a student learns: a residual of each update, one network for every ratio and frame; zero at first.

    (memory, leaf), (N, h, w, 2C) ──branch, told ratio and t──▶ (N, h, w, C)
    """

    def __init__(self, config: IMFNConfig, width: int, blocks: int) -> None:
        super().__init__()
        c = config.channels
        self.branch = Branch(2 * c, c, width, blocks, kernel=config.kernel, conditions=2 * config.levels + 1)
        self.width, self.blocks = width, blocks

    @staticmethod
    def conditions(level: int, levels: int) -> Tensor:
        """(2**level, 2 · levels + 1): for every t the ratio as a unit vector, the path of leaf t, and t / r.

        The path: one number for each merge above the leaf, lowest first: −1 where the leaf lies left, 1
        right, 0 above the root. P_t is a product along it.
        """
        ratio = 1 << level
        t = torch.arange(ratio)
        vectors = torch.zeros(ratio, 2 * levels + 1)
        if level:
            vectors[:, level - 1] = 1
        for bit in range(level):
            vectors[:, levels + bit] = 2.0 * (t >> bit & 1) - 1
        vectors[:, -1] = t / ratio
        return vectors

    def forward(self, memory: Tensor, leaf: Tensor, condition: Tensor) -> Tensor:
        """memory, leaf (N, h, w, C), condition (1 or N, 2 · levels + 1) → what to add, (N, h, w, C)."""
        added: Tensor = self.branch(torch.cat((memory, leaf), dim=-1), condition)
        return added


class OwnChannels(nn.Module):
    """What the branches of a tree of independent frames (`Sweeper.interleave`) add to one update: exact.

    In such a tree every frame has channels of its own, and the branches work on one frame at a time. So they
    can be run for one frame by itself, on half as many channels at each level: less than one merge in all.
    """

    def __init__(self, network: IMFN, level: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            branch
            for above in range(1, level + 1)
            if (branch := network.sweeper(above).merge_branch) is not None
        )
        # Row t: where frame t's channels lie among those of all frames, in bit-reversed order of time.
        order = [int(f"{t:0{level}b}"[::-1], 2) if level else 0 for t in range(1 << level)]
        unit = torch.zeros(1 << level, 1 << level).fill_diagonal_(1)
        self.register_buffer("places", unit[order], persistent=False)

    def forward(self, leaf: Tensor, t: int | Tensor) -> Tensor:
        """Leaf (N, h, w, C) of frame t → what to add to the linear update, (N, h, w, C)."""
        own = leaf
        for branch in self.branches:
            own = own[..., : own.shape[-1] // 2] + branch(own)
        added = own - leaf[..., : own.shape[-1]]
        place = _at(self.get_buffer("places"), t)
        return (added[..., None] * place).flatten(-2)


class Student(nn.Module):
    """One model at one ratio r = 2**level: `memory = step(memory, frame, t)` for t = 0 … r − 1.

    memory ← memory + P_t (x_t − mean_t) [+ residual]

    x_t are the frame's patches, P_t the product of the half-matrices along leaf t's path, leaf transform
    included, and mean_t what the zero memory restores to. So the memory after r frames of a model without
    learned branches is the tree's root exactly, up to rounding, and after t frames it is the root of a tree
    whose missing frames are at the mean: useful before the window is full. The same inverse tree decodes it.
    An `update` (learned by distillation) adds what the branches of a learned tree do; without one a student
    equals the tree of the linear parts. Only where frames are independent is nothing to be learned: see
    `OwnChannels`.
    """

    weight: Tensor
    bias: Tensor
    conditions: Tensor

    def __init__(self, network: IMFN, level: int, update: Update | None = None) -> None:
        super().__init__()
        self.config = network.config
        self.level = level
        self.ratio = 1 << level
        device = network.leaf.map.weight.device
        folded = fold(network, level)
        # (r, C, patch_size) and (r, C).
        self.register_buffer("weight", folded.merge.float().contiguous().to(device))
        bias = -(folded.merge @ folded.mean[..., None])[..., 0]
        self.register_buffer("bias", bias.float().to(device))
        self.update = update
        own = self.config.independent and not self.config.is_linear
        self.own = OwnChannels(network, level).to(device) if own else None
        # Shared with the tree: it cuts patches, and is what the residual sees.
        self.leaf: LeafTransform = network.leaf
        conditions = Update.conditions(level, self.config.levels) if update is not None else torch.zeros(0)
        self.register_buffer("conditions", conditions.to(device), persistent=False)

    def reset(self, height: int, width: int, batch: int = 1) -> Tensor:
        """The memory of no frame of `height` × `width` pixels: zeros, (batch, C, h, w)."""
        h, w = self.config.grid(height, width)
        zeros = self.weight.new_zeros(batch, h, w, self.config.channels)
        return zeros.permute(0, 3, 1, 2)

    def step(self, memory: Tensor, frame: Tensor, t: int | Tensor) -> Tensor:
        """Take in frame t of the window.

        memory (N, C, h, w), frame (N, in_channels, H, W) in [0, 1], t in 0 … r − 1 (or a tensor () of it) →
        the memory after it, (N, C, h, w), channels last in memory. Raises ValueError for a t outside.
        """
        if isinstance(t, int) and not 0 <= t < self.ratio:
            raise ValueError(f"frame {t} of a window of {self.ratio}")
        rows = self.advance(memory.permute(0, 2, 3, 1), self.leaf.patches(frame), t)
        return rows.permute(0, 3, 1, 2)

    def advance(self, rows: Tensor, patches: Tensor, t: int | Tensor) -> Tensor:
        """`step` on memories (N, h, w, C) and patches (N, h, w, patch_size), channels last both."""
        weight, bias = _at(self.weight, t), _at(self.bias, t)
        # Adding inside the product saves a pass over the memory.
        flat = torch.addmm(rows.flatten(0, 2), patches.flatten(0, 2), weight.T) + bias
        after = flat.reshape(rows.shape)
        if self.update is not None or self.own is not None:
            leaf = functional.linear(patches - self.leaf.map.mean, self.leaf.map.weight)
            if self.own is not None:
                after = after + self.own(leaf, t)
            if self.update is not None:
                after = after + self.update(rows, leaf, _at(self.conditions, t)[None])
        return after

    @staticmethod
    def is_exact(config: IMFNConfig, level: int | None = None) -> bool:
        """Whether the student follows from the weights, nothing to learn; of one level or of all."""
        top = config.levels if level is None else level
        return top <= config.linear_levels or config.independent

    def compress(self, frames: Tensor) -> Tensor:
        """Frames (r, in_channels, H, W) of one window → its memory (1, C, h, w); fewer give a prefix's."""
        memory = self.reset(*frames.shape[2:])
        for t, frame in enumerate(frames):
            memory = self.step(memory, frame[None], t)
        return memory


def _at(table: Tensor, t: int | Tensor) -> Tensor:
    """table[t]; for a tensor t without asking what it is, so that it can be exported."""
    return table[t] if isinstance(t, int) else table.index_select(0, t.reshape(1))[0]


class StudentStream:
    """A student on an endless sequence: one memory, a root every r frames, a forest's tail at the end."""

    def __init__(self, student: Student, network: IMFN) -> None:
        self.student = student
        self.network = network
        self.t = 0
        self.memory: Tensor | None = None
        self._last: Tensor | None = None

    def push(self, frame: Tensor) -> Tensor | None:
        """Take the next frame (1, in_channels, H, W); returns the root (1, C, h, w) that it completes."""
        if self.memory is None:
            self.memory = self.student.reset(*frame.shape[2:])
        self.memory = self.student.step(self.memory, frame, self.t)
        self._last = frame
        self.t += 1
        if self.t < self.student.ratio:
            return None
        root, self.memory, self.t = self.memory, None, 0
        return root

    def flush(self) -> list[tuple[int, Tensor]]:
        """The unfinished window as (level, memory), in time order: the forest's tail. Empties the stream.

        The frames are gone, only their memory is left. So the window is filled with the last frame, as if the
        picture stood still, and the inverse tree walked down to the memories that hold seen frames only.
        """
        count, memory = self.t, self.memory
        if memory is None or self._last is None:
            return []
        while self.t < self.student.ratio:
            memory = self.student.step(memory, self._last, self.t)
            self.t += 1
        self.t, self.memory, self._last = 0, None, None
        tail: list[tuple[int, Tensor]] = []
        level = self.student.level
        coding = RootCoding(level)
        while count and level:
            left, right = self.network.split(memory, level, coding)
            level -= 1
            half = 1 << level
            if count >= half:
                tail.append((level, left))
                count -= half
                memory = right
            else:
                memory = left
        return tail
