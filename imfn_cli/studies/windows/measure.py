"""Windows a second that a DataLoader gets of each way of coding, by each reader."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Subset

from ...data import LatentDataset
from ...data.by_threads import ByThreads
from ...data.windows import Place
from ...errors import ImfnError, InputError
from ...media import Source, open_sequence
from ...media.psnr import psnr
from .codings import CODINGS, Coding, LatentCoding, VideoCoding, write_clips
from .readers import PyavWindows, TorchcodecWindows, windows_of

Progress = Callable[[str, int, int], None]
FRAMES = 16
WORKERS = 2
_BATCH = 4


@dataclass(frozen=True)
class WindowRow:
    """One reader of one way of coding.

    windows_per_second: of `WORKERS` worker processes, the best of several runs.   by_threads: the same of as
    many threads of one process.   cpu_ms: processor time of a window, read by one thread in this process,
    mean.   bytes: of all files.   psnr: of the windows, mean over frames, 8-bit RGB, in dB; None of memories.
    """

    coding: str
    reader: str
    windows_per_second: float
    by_threads: float
    cpu_ms: float
    bytes: int
    psnr: float | None


@dataclass(frozen=True)
class _Reader:
    coding: Coding
    name: str
    windows: Dataset[Any]
    bytes: int


def window_rows(
    sources: Sequence[Source],
    folder: Path,
    *,
    codings: Sequence[Coding] = CODINGS,
    each: int = 3,
    runs: int = 3,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> list[WindowRow]:
    """Code the clips below `folder`, where that is not done, and read `each` random windows of each clip.

    All readers get the same windows in the same order; of memories those that begin at the memory before.
    Runs of the readers alternate. Nothing that was restored is kept for the next window. Raises `InputError`
    where a clip is shorter than a window.
    """
    counts = [_frames(source) for source in sources]
    random = np.random.default_rng(seed)
    places = [
        (which, int(random.integers(count - FRAMES + 1)))
        for which, count in enumerate(counts)
        for _ in range(each)
    ]
    random.shuffle(places)
    readers: list[_Reader] = []
    for coding in codings:
        paths = write_clips(coding, sources, folder, progress)
        readers += _readers(coding, paths, places)
    rates: list[list[tuple[float, float]]] = [[] for _ in readers]
    for run in range(runs):
        for index, reader in enumerate(readers):
            progress(f"{reader.coding.name}, {reader.name}", run * len(readers) + index, runs * len(readers))
            by_workers = DataLoader(reader.windows, _BATCH, num_workers=WORKERS, prefetch_factor=2)
            by_threads = DataLoader(_InThreads(reader.windows), _BATCH)
            rates[index].append((_measured(by_workers), _measured(by_threads)))
    originals = _originals(sources, places)
    rows = []
    for index, (reader, found) in enumerate(zip(readers, rates, strict=True)):
        progress("PSNR", index, len(readers))
        seconds, quality = _read(reader, originals)
        workers, threads = (max(runs) for runs in zip(*found, strict=True))
        name, spent = reader.coding.name, 1000 * seconds
        rows.append(WindowRow(name, reader.name, workers, threads, spent, reader.bytes, quality))
    return rows


def _frames(source: Source) -> int:
    with open_sequence(source) as sequence:
        count = sum(1 for _ in sequence)
    if count < FRAMES:
        raise InputError(f"{source.name}: has {count} frames, a window {FRAMES}; leave it out")
    return count


def _readers(coding: Coding, paths: Sequence[Path], places: Sequence[tuple[int, int]]) -> list[_Reader]:
    size = sum(path.stat().st_size for path in paths)
    if isinstance(coding, VideoCoding):
        windows = windows_of(paths, places, FRAMES)
        by: dict[str, Dataset[Any]] = {}
        # Where it is not installed, or finds no FFmpeg, it is left out.
        with contextlib.suppress(ImfnError):
            by["torchcodec"] = TorchcodecWindows(windows)
        by["PyAV"] = PyavWindows(windows)
        return [_Reader(coding, name, found, size) for name, found in by.items()]
    made = {"frames": _latents(coding, paths, places)}
    if coding.ratio != "auto":
        made["memories"] = _latents(coding, paths, places, what="memories")
        made["memories, float16"] = _latents(coding, paths, places, what="memories", precision="float16")
    return [_Reader(coding, name, found, size) for name, found in made.items()]


def _latents(
    coding: LatentCoding, paths: Sequence[Path], places: Sequence[tuple[int, int]], **how: Any
) -> Dataset[Any]:
    step = 1 if how.get("what") != "memories" else int(coding.ratio)
    every = LatentDataset(paths, FRAMES, step, cache_bytes=0, open_files=len(paths), **how)
    numbers = {every.place(index): index for index in range(len(every))}
    wanted = []
    for which, start in places:
        first = start - start % step
        while Place(str(paths[which]), first) not in numbers:
            first -= step
        wanted.append(numbers[Place(str(paths[which]), first)])
    return Subset(every, wanted)


class _InThreads(Dataset[Any]):
    """Windows of which a batch is read by `WORKERS` threads."""

    def __init__(self, windows: Dataset[Any]) -> None:
        self._windows, self._by_threads = windows, ByThreads(WORKERS)

    def __len__(self) -> int:
        return len(self._windows)  # type: ignore[arg-type]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        return self._by_threads(self._windows.__getitem__, indices)


def _measured(loader: DataLoader[Any]) -> float:
    """Windows a second, once the workers have begun."""
    batches = iter(loader)
    # Workers load their models with their first windows.
    for _ in range(min(2 * WORKERS, len(loader) - 1)):
        next(batches)
    began, count = time.perf_counter(), 0
    for window in batches:
        count += len(window)
    return count / (time.perf_counter() - began)


def _originals(sources: Sequence[Source], places: Sequence[tuple[int, int]]) -> list[np.ndarray]:
    """The windows as they were, (T, H, W, 3) uint8, in the order of the places."""
    found: dict[tuple[int, int], np.ndarray] = {}
    for which, source in enumerate(sources):
        starts = [start for index, start in places if index == which]
        with open_sequence(source) as sequence:
            frames = [frame.pixels for frame in sequence]
        for start in starts:
            found[which, start] = np.stack(frames[start : start + FRAMES])
    return [found[place] for place in places]


def _read(reader: _Reader, originals: Sequence[np.ndarray]) -> tuple[float, float | None]:
    """Seconds of processor time of a window, and the mean PSNR in dB of what is seen; None of memories."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        # The model is loaded with the first.
        reader.windows[0]
        spent = 0.0
        values: list[float] = []
        for index, original in enumerate(originals):
            began = time.process_time()
            window = reader.windows[index]
            spent += time.process_time() - began
            if not reader.name.startswith("memories"):
                restored = window.permute(0, 2, 3, 1).numpy()
                values += [psnr(one, other) for one, other in zip(original, restored, strict=True)]
    finally:
        torch.set_num_threads(threads)
    return spent / len(originals), mean(values) if values else None
