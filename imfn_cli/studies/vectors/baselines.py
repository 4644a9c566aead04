"""The networks to beat: Transformer, Mamba and MLP autoencoders of sequences, one memory in between.

    vectors (B, N, size) ─embed─▶ (B, N, width) ─x + body(x)─▶ write ─▶ memory (B, M)
    vectors (B, N, size) ◀─show── (B, N, width) ◀─x + body(x)─ read ◀── memory (B, M)

All share embedding, memory and restoration; only the body differs. That of the MLP never looks from one
vector to another: of independent digits it is the plain autoencoder that a sequence model has to beat. The
memory is written by one matrix per position, memory = Σ_t W_t y_t, and read by one matrix per position; a
vector of a shorter sequence has several positions. They get the start that ours has, in closed form: with the
bodies silent, every vector of N is restored from its first M / N principal components. From random weights
they were on MNIST still at the mean image after 150 to 250 steps (learning rates 5e-4 and 1e-3).
"""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...errors import ImfnError
from .compressors import Components

Kind = Literal["transformer", "mamba", "mlp"]
KINDS: tuple[Kind, ...] = ("transformer", "mamba", "mlp")
NAMES: dict[Kind, str] = {"transformer": "Transformer", "mamba": "Mamba", "mlp": "MLP"}
_HEAD = 64
# What starts as good as silent: bodies, and the parts of the memory that are another position's.
_LITTLE = 0.02
_STATE, _CONVOLUTION, _EXPAND = 16, 4, 2


@dataclass(frozen=True)
class Shape:
    """Size of a baseline: memory numbers, longest sequence, width of the tokens, layers on each side."""

    kind: Kind
    memory: int = 512
    positions: int = 64
    width: int = 512
    layers: int = 4

    def __post_init__(self) -> None:
        if self.memory % self.positions or self.width < self.memory // 2:
            raise ValueError("memory must be a multiple of positions, and at most twice the width")


class SequenceAutoencoder(nn.Module):
    """Sequences of up to `positions` vectors through one memory. size: numbers in a vector."""

    def __init__(self, shape: Shape, size: int) -> None:
        """Random weights from torch's generator. Raises `ImfnError` where a package is missing."""
        super().__init__()
        self.shape = shape
        self.name = NAMES[shape.kind]
        memory, positions, width = shape.memory, shape.positions, shape.width
        self.embed = nn.Linear(size, width)
        self.position = nn.Parameter(_LITTLE * torch.randn(positions, width))
        self.encoder = body(shape)
        self.write = nn.Parameter(_LITTLE * torch.randn(positions, width, memory) * width**-0.5)
        self.read = nn.Parameter(_LITTLE * torch.randn(positions, memory, width) * memory**-0.5)
        self.read_position = nn.Parameter(_LITTLE * torch.randn(positions, width))
        self.decoder = body(shape)
        self.show = nn.Linear(width, size)

    @torch.no_grad()
    def start_from(self, components: Components) -> None:
        """Start at principal components of vectors.

        Tokens start as the components over the roots of their deviations, as our branches see them: fully
        whitened, small steps of the weights drown the small components. Each position has M / positions
        numbers of the memory of its own, the first components of its vector.
        """
        mean, basis, deviation = components
        width, positions = self.shape.width, self.shape.positions
        scale = deviation[:width].clamp_min(1e-3 * float(deviation[0])).sqrt()[:, None]
        self.embed.weight.copy_(basis[:width] / scale)
        self.embed.bias.copy_(-(basis[:width] / scale) @ mean)
        self.show.weight.copy_((basis[:width] * scale).T)
        self.show.bias.copy_(mean)
        own = torch.arange(self._own)
        for position in range(positions):
            numbers = own + self._own * position
            self.write[position, own, numbers] = 1
            self.read[position, numbers, own] = 1

    @property
    def memory_size(self) -> int:
        """M, numbers in a memory."""
        return self.shape.memory

    @property
    def parameters_count(self) -> int:
        """Trained numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    def compress(self, vectors: Tensor) -> Tensor:
        """Vectors (B, N, size), N a divisor of `positions` → memories (B, M)."""
        each = self._positions_each(vectors.shape[1])
        tokens = self.embed(vectors)
        tokens = tokens + self.encoder(tokens + self.position[::each])
        # At its next position a vector shows its next features.
        shown = torch.stack([tokens.roll(-self._own * turn, -1) for turn in range(each)], 2)
        written: Tensor = shown.flatten(1) @ self.write.flatten(0, 1)
        return written

    def restore(self, memories: Tensor, length: int) -> Tensor:
        """Memories (B, M) → vectors (B, length, size), not clamped."""
        each = self._positions_each(length)
        read = memories @ self.read.transpose(0, 1).flatten(1)
        parts = read.unflatten(1, (length, each, self.shape.width)).unbind(2)
        tokens = torch.stack([part.roll(self._own * turn, -1) for turn, part in enumerate(parts)]).sum(0)
        tokens = tokens + self.decoder(tokens + self.read_position[::each])
        shown: Tensor = self.show(tokens)
        return shown

    @property
    def _own(self) -> int:
        """Numbers of the memory that a position starts with as its own."""
        return self.shape.memory // self.shape.positions

    def _positions_each(self, length: int) -> int:
        if self.shape.positions % length:
            raise ValueError(f"{length} vectors do not divide {self.shape.positions} positions")
        return self.shape.positions // length

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors (B, N, size) → restored, the same shape."""
        return self.restore(self.compress(vectors), vectors.shape[1])


def body(shape: Shape) -> nn.Module:
    """Tokens (B, N, width) → tokens (B, N, width)."""
    if shape.kind == "mlp":
        return _mlp(shape)
    return _transformer(shape) if shape.kind == "transformer" else MambaBody(shape)


class _Residual(nn.Module):
    """x + down(GELU(up(norm(x)))): a Transformer layer without its attention."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        added: Tensor = self.inner(tokens)
        return tokens + added


def _mlp(shape: Shape) -> nn.Module:
    norm = nn.LayerNorm(shape.width)
    nn.init.constant_(norm.weight, _LITTLE)
    return nn.Sequential(*(_Residual(shape.width) for _ in range(shape.layers)), norm)


def _transformer(shape: Shape) -> nn.Module:
    layer = nn.TransformerEncoderLayer(
        shape.width,
        max(1, shape.width // _HEAD),
        4 * shape.width,
        dropout=0.0,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )
    norm = nn.LayerNorm(shape.width)
    nn.init.constant_(norm.weight, _LITTLE)
    return nn.TransformerEncoder(layer, shape.layers, norm, enable_nested_tensor=False)


class MambaBody(nn.Module):
    """Mamba blocks of the package `transformers`, in plain PyTorch (arXiv 2312.00752)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        require_mamba()
        # Of the extra `baselines`.
        from transformers import MambaConfig, MambaModel
        from transformers.utils import logging

        # It warns that compiled kernels are missing; they are not for every machine.
        logging.set_verbosity_error()
        config = MambaConfig(
            # Tokens come as vectors; the table of words is not used.
            vocab_size=1,
            hidden_size=shape.width,
            state_size=_STATE,
            num_hidden_layers=shape.layers,
            conv_kernel=_CONVOLUTION,
            expand=_EXPAND,
            use_cache=False,
        )
        self.model = MambaModel(config)
        del self.model.embeddings
        nn.init.constant_(self.model.norm_f.weight, _LITTLE)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, N, width) → tokens (B, N, width), each knowing those before it."""
        from transformers.models.mamba import modeling_mamba

        with patch.object(modeling_mamba, "mamba_selective_scan", selective_scan):
            seen: Tensor = self.model(inputs_embeds=tokens, use_cache=False).last_hidden_state
        return seen


def selective_scan(
    values: Tensor,
    step: Tensor,
    decay: Tensor,
    enter: Tensor,
    leave: Tensor,
    D: Tensor,
    z: Tensor,
    delta_bias: Tensor,
    **_: Any,
) -> Tensor:
    """What `mamba_selective_scan` of `transformers` computes, in the same order, quicker backwards.

    values, step, z (B, width, N), decay (width, S), enter, leave (B, S, N), D, delta_bias (width,) →
    (B, width, N). The original cuts time steps out of tensors of all steps, and each cut gets a gradient as
    large as all of them: 25 times slower to train at 64 images.
    """
    rate = functional.softplus(step + delta_bias[:, None])
    by_time = [part.permute(2, 0, 1).unbind() for part in (rate, rate * values, enter, leave)]
    state = values.new_zeros(values.shape[0], *decay.shape)
    outputs = []
    for delta, added, into, out in zip(*by_time, strict=True):
        state = torch.addcmul(added[..., None] * into[:, None, :], torch.exp(delta[..., None] * decay), state)
        outputs.append((state @ out[..., None])[..., 0])
    return (torch.stack(outputs, -1) + values * D[:, None]) * functional.silu(z)


def require_mamba() -> None:
    """Raise `ImfnError`, one line with the remedy, unless `transformers` is installed."""
    if find_spec("transformers") is None:
        raise ImfnError("the Mamba baseline needs the package transformers; pip install 'imfn[baselines]'")
