"""A small causal language model of bytes: a Transformer whose lower half's states are what memories hold.

bytes (B, T) ─embed─▶ lower blocks ─▶ states (B, T, D) ─▶ upper blocks ─▶ norm ─▶ logits (B, T, 256)
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Bytes that there are.
VOCABULARY = 256
_ROTARY_BASE = 10_000.0


@dataclass(frozen=True)
class LanguageShape:
    """width: D, numbers in a state.   lower, upper: blocks below and above the states.   heads: divide D.

    context: T, bytes that the model is trained to look back on.
    """

    width: int = 128
    lower: int = 2
    upper: int = 2
    heads: int = 4
    context: int = 256


class Block(nn.Module):
    """x + attention(norm(x)), then x + MLP(norm(x)), with rotary positions (arXiv 2104.09864)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, values: Tensor, turns: Tensor, mask: Tensor | None = None) -> Tensor:
        """values (B, T, D); turns as `rotations` gives them; mask (T, T), True where row sees column.

        Without a mask each position sees itself and those before it.
        """
        split = self.qkv(self.attention_norm(values)).unflatten(-1, (3, self.heads, -1))
        q, k, v = split.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(
            _turned(q, turns), _turned(k, turns), v, attn_mask=mask, is_causal=mask is None
        )
        values = values + self.out(seen.transpose(1, 2).flatten(-2))
        hidden = functional.gelu(self.up(self.norm(values)), approximate="tanh")
        result: Tensor = values + self.down(hidden)
        return result


def rotations(positions: Tensor, size: int) -> Tensor:
    """positions (T,) → cosines and sines (2, T, size / 2) that heads of `size` are turned by."""
    rates = _ROTARY_BASE ** (-torch.arange(0, size, 2) / size)
    angles = positions[:, None] * rates
    return torch.stack((angles.cos(), angles.sin()))


def _turned(values: Tensor, turns: Tensor) -> Tensor:
    """values (B, heads, T, size), turned by (2, T, size / 2)."""
    first, second = values.chunk(2, dim=-1)
    cosine, sine = turns
    return torch.cat((first * cosine - second * sine, first * sine + second * cosine), dim=-1)


class LanguageModel(nn.Module):
    """Next bytes from bytes, in two halves."""

    def __init__(self, shape: LanguageShape) -> None:
        """Random weights from torch's generator."""
        super().__init__()
        self.shape = shape
        self.embed = nn.Embedding(VOCABULARY, shape.width)
        self.lower = nn.ModuleList(Block(shape.width, shape.heads) for _ in range(shape.lower))
        self.upper = nn.ModuleList(Block(shape.width, shape.heads) for _ in range(shape.upper))
        self.norm = nn.LayerNorm(shape.width)
        nn.init.normal_(self.embed.weight, std=0.02)
        for block in (*self.lower, *self.upper):
            for name, parameter in block.named_parameters():
                if name.endswith("weight") and parameter.ndim == 2:
                    # What is added to the stream starts small (GPT-2).
                    nn.init.normal_(parameter, std=0.02 if "qkv" in name or "up" in name else 0.01)

    @property
    def parameters_count(self) -> int:
        """Trained numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    def states(self, text: Tensor) -> Tensor:
        """Bytes (B, T) → states (B, T, D) after the lower blocks."""
        values: Tensor = self.embed(text)
        turns = self._turns(torch.arange(text.shape[1]))
        for block in self.lower:
            values = block(values, turns)
        return values

    def logits(self, states: Tensor) -> Tensor:
        """States (B, T, D) → logits (B, T, 256) of the byte after each."""
        turns = self._turns(torch.arange(states.shape[1]))
        for block in self.upper:
            states = block(states, turns)
        return self._head(states)

    def logits_after(self, past: Tensor, states: Tensor, window: int) -> Tensor:
        """Logits (B, T, 256) at every position, from `states` of its own window and `past` of earlier ones.

        states, past (B, T, D): the original states, and those that memories of `window` positions restore.
        Two streams go through the upper blocks. The first has restored states only: it is what a machine
        computes that kept a window's memory and nothing else of it. A position of the second sees the first
        stream in windows before its own, and in its own window the second stream up to itself. So a logit
        depends on no byte after its position. past == states gives `logits`.
        """
        length = states.shape[1]
        positions = torch.arange(length)
        turns = self._turns(positions.repeat(2))
        mask = two_streams(length, window)
        values = torch.cat((past, states), dim=1)
        for block in self.upper:
            values = block(values, turns, mask)
        return self._head(values[:, length:])

    def logits_within(self, states: Tensor, window: int) -> Tensor:
        """Logits (B, T, 256) of positions that see nothing before their own window of `window` positions."""
        length = states.shape[1]
        positions = torch.arange(length)
        same = positions[:, None] // window == positions // window
        mask = same & (positions[:, None] >= positions)
        for block in self.upper:
            states = block(states, self._turns(positions), mask)
        return self._head(states)

    def forward(self, text: Tensor) -> Tensor:
        """Bytes (B, T) → logits (B, T, 256) of the byte after each."""
        return self.logits(self.states(text))

    def _turns(self, positions: Tensor) -> Tensor:
        return rotations(positions, self.shape.width // self.shape.heads)

    def _head(self, values: Tensor) -> Tensor:
        return functional.linear(self.norm(values), self.embed.weight)


def two_streams(length: int, window: int) -> Tensor:
    """(2 · length, 2 · length), True where row sees column: restored positions, then originals."""
    position = torch.arange(length)
    causal = position[:, None] >= position
    earlier = position[:, None] // window > position // window
    own = causal & ~earlier
    restored = torch.cat((causal, torch.zeros_like(causal)), dim=1)
    originals = torch.cat((earlier, own), dim=1)
    return torch.cat((restored, originals))
