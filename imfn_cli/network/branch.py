"""The learned part of a sweeper: a residual branch beside the linear map, zero before training."""

import torch
from torch import Tensor, nn
from torch.nn import functional

# Width of the hidden layer that turns a condition into gains and biases.
_CONDITION_WIDTH = 32


class Block(nn.Module):
    """x + down(GELU(up(modulate(depthwise(x))))), on (N, h, w, width).

    The depthwise convolution takes in kernel × kernel grid positions around each; on a grid of one position
    (kernel 1) there is none.
    """

    def __init__(self, width: int, kernel: int, expand: int) -> None:
        super().__init__()
        self.around = (
            nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width) if kernel > 1 else None
        )
        self.up = nn.Linear(width, expand * width)
        self.down = nn.Linear(expand * width, width)

    def forward(self, values: Tensor, modulation: tuple[Tensor, Tensor] | None) -> Tensor:
        """values (N, h, w, width); modulation: gain and bias, each (1 or N, 1, 1, width)."""
        seen = values
        if self.around is not None:
            # A view: channels-last is how these values lie in memory.
            seen = self.around(values.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        if modulation is not None:
            gain, bias = modulation
            seen = torch.addcmul(bias, seen, gain)
        return values + self.down(functional.gelu(self.up(seen), approximate="tanh"))


class Branch(nn.Module):
    """A residual network from `inputs` to `outputs` numbers per grid position, (N, h, w, ·) on both sides.

    values ─scale─▶ enter ─▶ blocks ─▶ leave ─scale─▶ what is added to the linear map's result

    `leave` starts at zero, so that training starts at the linear sweeper and has to beat it. The scales are
    fixed before training (`calibrate`): a memory's channels differ by orders of magnitude, and one learning
    rate must do for all. With `conditions` > 0, gains and biases of each block and the gains of the output
    depend on a condition vector (`RootCoding.condition`).
    """

    input_scale: Tensor
    output_scale: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int,
        blocks: int,
        *,
        kernel: int,
        expand: int = 2,
        conditions: int = 0,
    ) -> None:
        super().__init__()
        self.register_buffer("input_scale", torch.ones(inputs))
        self.register_buffer("output_scale", torch.ones(outputs))
        self.enter = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(Block(width, kernel, expand) for _ in range(blocks))
        self.leave = nn.Linear(width, outputs)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        self.width = width
        #: Whether matrix products run in bfloat16; their results are float32 all the same.
        self.low_precision = False
        self.condition: nn.Sequential | None = None
        if conditions:
            out = nn.Linear(_CONDITION_WIDTH, 2 * width * blocks + outputs)
            nn.init.zeros_(out.weight)
            nn.init.zeros_(out.bias)
            self.condition = nn.Sequential(nn.Linear(conditions, _CONDITION_WIDTH), nn.GELU(), out)

    def calibrate(self, input_std: Tensor, output_std: Tensor) -> None:
        """Set the scales: inputs by the root of their deviation per channel, outputs by `output_std`.

        Inputs are not fully whitened: a channel's deviation says how much it matters.
        """
        floor = 1e-6 * input_std.max().clamp_min(1e-12)
        scale = input_std.clamp_min(floor).rsqrt()
        self.input_scale.copy_(scale / (scale * input_std).square().mean().sqrt())
        self.output_scale.copy_(output_std)

    def forward(self, values: Tensor, condition: Tensor | None = None) -> Tensor:
        """values (N, h, w, inputs), condition (1 or N, conditions) → (N, h, w, outputs)."""
        with torch.autocast(values.device.type, torch.bfloat16, enabled=self.low_precision):
            return self._forward(values, condition).float()

    def _forward(self, values: Tensor, condition: Tensor | None) -> Tensor:
        hidden = self.enter(values * self.input_scale)
        gains = biases = None
        scale = self.output_scale
        if self.condition is not None:
            assert condition is not None
            made = self.condition(condition)[:, None, None, :]
            split = 2 * self.width * len(self.blocks)
            gains, biases = (1 + made[..., : split // 2]), made[..., split // 2 : split]
            scale = scale * made[..., split:].exp()
        for index, block in enumerate(self.blocks):
            part = slice(index * self.width, (index + 1) * self.width)
            modulation = None if gains is None or biases is None else (gains[..., part], biases[..., part])
            hidden = block(hidden, modulation)
        out: Tensor = self.leave(hidden) * scale
        return out
