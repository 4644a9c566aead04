"""Which windows a set of latents has, and one of them as a tensor."""

import bisect
from collections.abc import Callable, Iterable
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch import Tensor

from ..errors import InputError, LatentError
from ..latent import Latent
from .open_latents import OpenLatents

if TYPE_CHECKING:
    pass

#: What a window gives.
What = Literal["frames", "memories"]
#: Of what type the numbers of memories are.
Precision = Literal["float32", "float16"]


class Place(NamedTuple):
    """Where a window lies: a latent's path or address, and its first frame, counted from 0."""

    path: str
    start: int


class Windows:
    """All windows of `frames` frames of some latents that begin at multiples of `stride`.

    stride: None: anywhere; of memories, at any memory of the first latent's ratio. latents: opens them. All
    other arguments as in `LatentDataset`. Raises what it does.
    """

    def __init__(
        self,
        paths: "str | Path | Iterable[str | Path]",
        frames: int,
        stride: int | None,
        what: What,
        latents: OpenLatents,
        *,
        precision: Precision = "float32",
        transform: Callable[[Tensor], Any] | None = None,
    ) -> None:
        if what not in ("frames", "memories"):
            raise ValueError(f'what {what!r}: "frames" or "memories"')
        if precision not in ("float32", "float16"):
            raise ValueError(f'precision {precision!r}: "float32" or "float16"')
        if precision != "float32" and what != "memories":
            raise ValueError(f"precision {precision!r}: of memories; frames are uint8")
        if frames < 1 or (stride is not None and stride < 1):
            raise ValueError(f"frames {frames}, stride {stride}: both are at least 1")
        self.paths = [str(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
        if not self.paths:
            raise InputError("no latents; name files that 'imfn compress' wrote")
        self.frames, self.what, self.transform = frames, what, transform
        self._type = torch.float16 if precision == "float16" else torch.float32
        self._latents = latents
        if stride is None:
            stride = 1 if what == "frames" else self._latents[self.paths[0]].header.ratio
        self.stride = stride
        #: Windows in the latents up to each one, this included.
        self._ends = list(accumulate(self._count(path) for path in self.paths))
        if not self._ends[-1]:
            raise InputError(f"{self.paths[0]}: no latent here has a window of {frames} frames")

    def __len__(self) -> int:
        return self._ends[-1]

    def place(self, index: int) -> Place:
        """Where window `index` (from 0) lies."""
        which = bisect.bisect_right(self._ends, index)
        before = self._ends[which - 1] if which else 0
        return Place(self.paths[which], (index - before) * self.stride)

    def __getitem__(self, index: int) -> Any:
        """Window `index` as a tensor, transformed. Raises `LatentError` and `ModelError`."""
        path, start = self.place(index)
        found = self._frames(path, start) if self.what == "frames" else self._memories(path, start)
        return found if self.transform is None else self.transform(found)

    def _frames(self, path: str, start: int) -> Tensor:
        pixels = self._latents.with_model(path)[start : start + self.frames]
        self._latents.keep_within()
        return torch.from_numpy(pixels).permute(0, 3, 1, 2)

    def _memories(self, path: str, start: int) -> Tensor:
        held = self._latents.with_model(path).memories(start, start + self.frames)
        values = [memory.values.to(self._type) for memory in held]
        return values[0][None] if len(values) == 1 else torch.stack(values)

    def _count(self, path: str) -> int:
        latent = self._latents[path]
        frames = len(latent) if self.what == "frames" else self._whole(latent)
        return max(0, (frames - self.frames) // self.stride + 1)

    def _whole(self, latent: Latent) -> int:
        """Frames of a latent that lie in memories of its ratio, from the first on."""
        header, path = latent.header, latent.path
        if header.adaptive:
            raise LatentError(
                f"{path}: an adaptive forest has no memories of whole frames; compress with -r 16"
            )
        for name, number in (("frames", self.frames), ("stride", self.stride)):
            if number % header.ratio:
                raise LatentError(
                    f"{path}: its memories hold {header.ratio} frames; {name} is {number}, "
                    "name a multiple of that"
                )
        return header.frames - header.frames % header.ratio
