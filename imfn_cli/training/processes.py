"""Several processes or machines, started by torch's own launcher: `torchrun … -m imfn_cli train …`."""

import os
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, distributed

# Seconds that the group's threads have to let go of what they were given.
_PATIENCE = 10.0


@dataclass(frozen=True)
class Processes:
    """This process among those that train together."""

    rank: int = 0
    size: int = 1
    _given: list["weakref.ref[Tensor]"] = field(default_factory=list, repr=False, compare=False)

    @property
    def is_first(self) -> bool:
        """Whether this one writes files and talks."""
        return self.rank == 0

    def average(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace every gradient by its mean over the processes; one exchange for all of them."""
        if self.size == 1:
            return
        held = list(parameters)
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in held])
        self._give(distributed.all_reduce, flat)
        flat /= self.size
        for parameter, part in zip(held, flat.split([p.numel() for p in held]), strict=True):
            parameter.grad = part.view_as(parameter)

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the first one's values."""
        if self.size > 1:
            for tensor in tensors:
                self._give(distributed.broadcast, tensor, 0)

    def agree(self, value: float, device: torch.device) -> float:
        """The first process's `value`, in all of them: clocks differ, decisions must not."""
        if self.size == 1:
            return value
        held = torch.tensor([value], dtype=torch.float32, device=device)
        self._give(distributed.broadcast, held, 0)
        return float(held)

    def settle(self) -> None:
        """Wait until the group's threads hold no tensor: letting one go after Python's end crashes."""
        given_up = time.monotonic() + _PATIENCE
        while any(given() is not None for given in self._given) and time.monotonic() < given_up:
            time.sleep(0.001)

    def _give(self, collective: Callable[..., Any], tensor: Tensor, *arguments: Any) -> None:
        # Gradients know nothing of it, and nobody but the group holds it afterwards.
        given = tensor.detach()
        self._given[:] = [weakref.ref(given), *(held for held in self._given if held() is not None)]
        collective(given, *arguments)


def local_rank() -> int:
    """Which of the processes on this machine this one is, counted from 0."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """The processes that the launcher started, connected; a single one outside of it."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Processes()
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    processes = Processes(distributed.get_rank(), size)
    try:
        yield processes
        processes.settle()
    finally:
        distributed.destroy_process_group()
