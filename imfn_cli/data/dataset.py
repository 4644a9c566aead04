"""Every window of a set of latents, by number."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.utils.data import Dataset

from ..latent import CACHE_BYTES
from ..limits import DEFAULT_LIMITS, Limits
from .by_threads import ByThreads
from .open_latents import OPEN_FILES, OpenLatents
from .windows import Place, Precision, What, Windows

if TYPE_CHECKING:
    from ..zoo import Model


class LatentDataset(Dataset[Any]):
    """Windows of `frames` frames of latents, each decoded alone: a map-style dataset for a DataLoader.

        windows = imfn.data.LatentDataset(glob("latents/*.safetensors"), frames=16)
        loader = DataLoader(windows, batch_size=8, shuffle=True, num_workers=2, pin_memory=True)

    what="frames": a window is uint8 (frames, C, H, W), 0 … 255; C is 3 (RGB) or 1 (gray).
    what="memories": floats (frames / ratio, C, h, w), the memories that hold its frames, as
    `Latent.memories` gives them: nothing is restored. `frames` and `stride` are multiples of the latents'
    ratio then, and frames at a latent's end that fill no memory are left out.

    A window costs its own nodes where the latent was compressed with `-g 0`; with groups of pictures (GOPs)
    also those before it in its GOP. Latents that differ in size give tensors that differ in shape, which
    DataLoader does not put into one batch. It can be pickled, also for workers that are spawned.
    """

    def __init__(
        self,
        paths: "str | Path | Iterable[str | Path]",
        frames: int = 16,
        stride: int | None = None,
        what: What = "frames",
        *,
        model: "str | Path | Model | None" = None,
        device: str = "cpu",
        precision: Precision = "float32",
        threads: int = 1,
        open_files: int = OPEN_FILES,
        cache_bytes: int = CACHE_BYTES,
        limits: Limits = DEFAULT_LIMITS,
        transform: Callable[[Tensor], Any] | None = None,
    ) -> None:
        """Open each latent once for its header.

        paths: latents, or their addresses (`s3://…` with `pip install 'imfn[remote]'`): of those header,
            table and the nodes that are needed are fetched.
        stride: frames from one window's start to the next's; `frames` unless given.
        model, device, limits: as in `imfn.open`.
        precision: of memories: "float32", or "float16": rounded to 11 bits, and half as much to hand over
            from a worker.
        threads: that decode the windows of a batch: with num_workers=0, where a process has nothing else to
            do meanwhile, nothing is handed from process to process.
        open_files, cache_bytes: latents that each worker keeps open, and bytes of restored frames that it
            keeps of GOPs, at most.
        transform: what is made of each window.

        Raises `LatentError` for a path that is no latent, and of memories for an adaptive forest (`-r auto`)
        or another ratio; `InputError` where there is no window at all.
        """
        self._by_threads = ByThreads(threads)
        latents = OpenLatents(open_files, cache_bytes, model, device, limits)
        stride = frames if stride is None else stride
        self._windows = Windows(
            paths, frames, stride, what, latents, precision=precision, transform=transform
        )

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, index: int) -> Any:
        """Window `index`; negative numbers count from the end.

        Raises IndexError, `LatentError` for damage, `ModelError` where its model is not here.
        """
        return self._windows[range(len(self))[index]]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        """Windows `indices`, as DataLoader asks for those of a batch, by several threads."""
        return self._by_threads(self.__getitem__, indices)

    def place(self, index: int) -> Place:
        """Path and first frame of a window. Raises IndexError."""
        return self._windows.place(range(len(self))[index])
