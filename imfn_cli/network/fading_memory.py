"""One memory for an endless sequence: the whole past in C numbers a position, finer the more recent it is.

memory ← A (λ memory) + B z_t     with [A B], (C, 2C), of orthonormal rows: a sweeper that merges the faded
                                  memory of all that was with the newest leaf, again and again (a tree that
                                  leans to one side)

For any such pair Σ_a A^a B Bᵀ (Aᵀ)^a = I, a summed over all ages: the memory is an orthogonal projection of
the whole faded past λ^a z_(t−a), and walking back with the transpose restores the least-squares estimate of
every frame. So nothing is lost by the recursion itself; the choice of A and B says what it holds. Here, for
each channel of the leaf, which is a sequence of numbers:

- Errors of age a weigh 2^(−a / half_life): λ = 2^(−1 / (2 · half_life)).
- A memory spans 1, p₁^a, p₂^a, … with time constants −1 / ln p from half_life / 2 down to half a
  frame: an average of all that was seen, and ever finer differences to it for the recent past. No function
  grows with age: the distant past fades to the average, never to noise.
- In orthonormal form that is a cascade of all-pass sections (Takenaka–Malmquist functions; with one time
  constant, discrete Laguerre functions), exact and stable at any number of functions.
- A channel gets as many functions as the tree's root spends numbers on it: Σ_t |P_t e_c|², which sums to C.

All of it follows from the weights; nothing is learned, and no file is needed beside the model's.
"""

import math

import torch
from torch import Tensor

from ..defaults import HALF_LIFE
from .folded import fold
from .tree import IMFN

# Shortest time constant, in frames.
_FASTEST = 0.5
# Directions in which a memory of few frames holds less than this share of its energy are left out.
_CUT = 1e-9


class FadingMemory:
    """The recursion of one model. Of a model with learned branches it uses the linear parts."""

    def __init__(self, network: IMFN, half_life: float = HALF_LIFE) -> None:
        """half_life: frames after which an error weighs half, from 1. Raises ValueError for others."""
        if not 1 <= half_life <= 1e6:
            raise ValueError(f"half-life of {half_life} frames: must be from 1 to 1,000,000")
        self.config = network.config
        self.half_life = half_life
        self.leaf = network.leaf
        self.functions = allocation(network)
        """(C,): functions of age for each channel of the leaf."""
        c = self.config.channels
        # (C, C) and (C, C), float64: channel by channel, in the order of the leaf's channels.
        self._a = torch.zeros(c, c, dtype=torch.float64)
        self._b = torch.zeros(c, c, dtype=torch.float64)
        self._fade = 2.0 ** (-0.5 / half_life)
        first = 0
        for channel, count in enumerate(self.functions.tolist()):
            here = slice(first, first + count)
            self._a[here, here], self._b[here, channel] = _cascade(
                [self._fade * pole for pole in _poles(count, half_life)]
            )
            first += count
        device = network.leaf.map.weight.device
        # One product each for a memory's rows and for patches, the leaf transform folded in.
        self._keep = (self._fade * self._a).float().to(device)
        weight = network.leaf.map.weight.detach().cpu().double()
        mean = network.leaf.map.mean.detach().cpu().double()
        self._take = (self._b @ weight).float().to(device)
        self._offset = -(self._b @ (weight @ mean)).float().to(device)

    def reset(self, height: int, width: int) -> Tensor:
        """The memory of nothing: zeros, (1, C, h, w)."""
        h, w = self.config.grid(height, width)
        return self._keep.new_zeros(1, h, w, self.config.channels).permute(0, 3, 1, 2)

    def step(self, memory: Tensor, frame: Tensor) -> Tensor:
        """memory (1, C, h, w), the next frame (1, in_channels, H, W) in [0, 1] → the memory after it."""
        rows = memory.permute(0, 2, 3, 1)
        patches = self.leaf.patches(frame)
        faded = torch.addmm(self._offset, rows.flatten(0, 2), self._keep.T)
        after = torch.addmm(faded, patches.flatten(0, 2), self._take.T)
        return after.reshape(rows.shape).permute(0, 3, 1, 2)

    def restore(self, memory: Tensor, seen: int, height: int, width: int, ages: range) -> Tensor:
        """The frames of these ages (0: the newest) out of a memory (1, C, h, w) of `seen` frames.

        Weighted least squares over the frames that there were: until the memory is full, they come out
        exactly. Returns (len(ages), in_channels, height, width), not clamped. Raises ValueError for ages
        outside 0 … seen − 1 or not rising by one.
        """
        if ages.step != 1 or not ages or not 0 <= ages.start < ages.stop <= seen:
            raise ValueError(f"frames of ages {ages} of {seen} seen")
        # What functions of age lack of orthonormality where the past is not endless.
        beyond = torch.linalg.matrix_power(self._a, seen)
        gram = torch.eye(len(beyond), dtype=torch.float64) - beyond @ beyond.T
        solve = torch.linalg.pinv(gram, hermitian=True, rtol=_CUT)
        # Taking the fading off again: eigenvalues of at most 1, however old the frame is.
        aged = self._a / self._fade
        reading = torch.linalg.matrix_power(aged, ages.start) @ self._b
        rows = memory[0].permute(1, 2, 0).cpu().double() @ solve
        leaves = []
        for _ in ages:
            leaves.append((rows @ reading).float())
            reading = aged @ reading
        stacked = torch.stack(leaves).permute(0, 3, 1, 2).to(memory.device)
        return self.leaf.inverse(stacked, height, width)


def allocation(network: IMFN) -> Tensor:
    """(C,) whole numbers that sum to C: the share of the largest root that each channel of the leaf has."""
    folded = fold(network, network.config.levels)
    leaf = network.leaf.map.weight.detach().cpu().double()
    share = (folded.merge @ leaf.T).square().sum(dim=(0, 1))
    whole = share.floor()
    # What rounding down left goes to the largest remainders.
    left = network.config.channels - int(whole.sum())
    whole[torch.argsort(whole - share, stable=True)[:left]] += 1
    return whole.long()


def _poles(count: int, half_life: float) -> list[float]:
    """1, then `count` − 1 poles; their time constants fall from half_life / 2 by equal factors."""
    if count < 2:
        return [1.0] * count
    slow, fast = max(half_life / 2, _FASTEST), _FASTEST
    if count == 2:
        return [1.0, math.exp(-1 / math.sqrt(slow * fast))]
    steps = [index / (count - 2) for index in range(count - 1)]
    return [1.0, *(math.exp(-1 / (slow * (fast / slow) ** step)) for step in steps)]


def _cascade(poles: list[float]) -> tuple[Tensor, Tensor]:
    """A (n, n) and B (n,) of a cascade of all-pass sections, one for each pole below 1: [A B] orthonormal.

    A section turns (state x, input u) into (d x + s u, s x − d u), s = √(1 − d²): a reflection, so energy
    is preserved; its second output is the next section's input.
    """
    count = len(poles)
    # Rows: what each state, and at last the input, makes of the states and the input before.
    states = torch.eye(count, count + 1, dtype=torch.float64)
    signal = torch.zeros(count + 1, dtype=torch.float64)
    signal[-1] = 1
    after = []
    for state, pole in zip(states, poles, strict=True):
        other = math.sqrt(1 - pole * pole)
        after.append(pole * state + other * signal)
        signal = other * state - pole * signal
    stacked = torch.stack(after) if after else states
    return stacked[:, :count], stacked[:, count]
