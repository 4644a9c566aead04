"""Random windows of a set of latents, without end, and the same for any number of workers."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from torch import Tensor, distributed
from torch.utils.data import IterableDataset, get_worker_info

from ..latent import CACHE_BYTES
from ..limits import DEFAULT_LIMITS, Limits
from .open_latents import OPEN_FILES, OpenLatents
from .windows import Precision, What, Windows

if TYPE_CHECKING:
    from ..zoo import Model


class Shard(NamedTuple):
    """This reader among all of them."""

    reader: int
    readers: int


class RandomWindows(IterableDataset[Any]):
    """Windows at random places of latents: an iterable dataset for a DataLoader.

        windows = imfn.data.RandomWindows(paths, frames=16, windows=10_000, seed=1)
        loader = DataLoader(windows, batch_size=8, num_workers=2)

    Window i of an epoch follows from seed, epoch and i alone. The workers of a DataLoader and the processes
    of `torchrun` share them out: reader k of n gives windows k, k + n, k + 2n, … Windows look as in
    `LatentDataset`; of frames they begin anywhere, of memories at any memory.

    To go on where a run ended, keep `state_dict` and hand it to `load_state_dict`: torchdata's
    StatefulDataLoader does that for each worker.
    """

    def __init__(
        self,
        paths: "str | Path | Iterable[str | Path]",
        frames: int = 16,
        what: What = "frames",
        *,
        windows: int | None = None,
        seed: int = 0,
        stride: int | None = None,
        model: "str | Path | Model | None" = None,
        device: str = "cpu",
        precision: Precision = "float32",
        open_files: int = OPEN_FILES,
        cache_bytes: int = CACHE_BYTES,
        limits: Limits = DEFAULT_LIMITS,
        transform: Callable[[Tensor], Any] | None = None,
    ) -> None:
        """Open each latent once for its header.

        windows: in an epoch, of all readers together; as many as a `LatentDataset` would have unless given.
        stride: windows begin at multiples of it; 1 unless given, of memories their frames.
        All else as in `LatentDataset`, and what it raises; ValueError for fewer than one window.
        """
        if windows is not None and windows < 1:
            raise ValueError(f"windows {windows}: at least 1")
        latents = OpenLatents(open_files, cache_bytes, model, device, limits)
        self._windows = Windows(
            paths, frames, stride, what, latents, precision=precision, transform=transform
        )
        whole = max(1, len(self._windows) * self._windows.stride // frames)
        self._count = whole if windows is None else windows
        self._seed, self._epoch = seed, 0
        # Windows given; and where the next `iter` begins.
        self._done = self._begin = 0

    def set_epoch(self, epoch: int) -> None:
        """Begin epoch `epoch` (from 0) with the next `iter`, as a DistributedSampler does.

        A DataLoader's workers get what is set before its `iter`; those that persist go on by themselves.
        """
        self._epoch, self._done, self._begin = epoch, 0, 0

    def __len__(self) -> int:
        """Windows in an epoch of this process, over all its workers."""
        rank, processes = _process()
        return _share(self._count, rank, processes)

    def __iter__(self) -> Iterator[Any]:
        shard = _shard()
        self._done, self._begin = self._begin, 0
        share = _share(self._count, *shard)
        while self._done < share:
            number = self._done * shard.readers + shard.reader
            random = np.random.default_rng((self._seed, self._epoch, number))
            window = self._windows[int(random.integers(len(self._windows)))]
            # Before the window is handed over: what it has, a state that is asked for now has too.
            self._done += 1
            yield window
        self.set_epoch(self._epoch + 1)

    def state_dict(self) -> dict[str, int]:
        """Where this reader is: `epoch`, and how many windows of it are `done`; `seed` and `readers` too."""
        return {
            "seed": self._seed,
            "epoch": self._epoch,
            "done": self._done,
            "readers": _shard().readers,
        }

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where `state` says. Raises ValueError if it is of another seed or number of readers."""
        here = {"seed": self._seed, "readers": _shard().readers}
        for name, value in here.items():
            if state[name] != value:
                raise ValueError(f"a state of {name} {state[name]}, here it is {value}")
        self._epoch, self._begin = state["epoch"], state["done"]
        self._done = self._begin


def _share(count: int, index: int, readers: int) -> int:
    """How many of `count` windows reader `index` of `readers` gives."""
    return max(0, (count - index + readers - 1) // readers)


def _process() -> tuple[int, int]:
    """This process's number, and how many there are: of torch.distributed, or as torchrun says."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def _shard() -> Shard:
    rank, processes = _process()
    worker = get_worker_info()
    if worker is None:
        return Shard(rank, processes)
    # Worker by worker, then process by process: the first windows of all processes are neighbours.
    return Shard(worker.id * processes + rank, worker.num_workers * processes)
