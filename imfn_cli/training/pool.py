"""Decoded frames in memory, from which training cuts its random windows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..media import Source, batched, open_sequence
from ..network import IMFNConfig, frames_from_pixels, pixels_from_frames
from ..system.threads import prefetch
from .budget import never

#: Called while clips are read: (what is done, clips done, clips in all).
Progress = Callable[[str, int, int], None]

# Windows that fit in one run of frames, which is held or dropped as a whole.
_RUN_WINDOWS = 4


class Windows(Protocol):
    """Where random windows of frames come from: decoded clips (`Pool`), or vectors of any kind."""

    def frame_windows(
        self, count: int, length: int, crop: int, random: np.random.Generator, *, flips: bool
    ) -> Tensor:
        """`count` windows of `length` frames: (count · length, in_channels, H, W) float32.

        crop: side that frames of several patches are cut to.   flips: mirror some, where that changes no
        meaning.
        """


@dataclass
class Pool:
    """Runs of neighbouring frames, uint8 (T, H, W, in_channels) each, and random windows of them.

    patch: crops start at multiples of it, so that blocks of the source's own codec lie as they do in whole
    frames.   shuffled: a window is a random draw of frames, not a stretch of time.
    """

    runs: list[Tensor]
    config: IMFNConfig
    shuffled: bool = False

    @property
    def frames(self) -> int:
        """Frames held."""
        return sum(len(run) for run in self.runs)

    def to(self, device: torch.device) -> "Pool":
        """The pool on `device`, where it fits into half of the free memory; else as it is."""
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if sum(run.numel() for run in self.runs) > free // 2:
                return self
        return Pool([run.to(device) for run in self.runs], self.config, self.shuffled)

    def windows(
        self, count: int, length: int, crop: int, random: np.random.Generator, *, flips: bool
    ) -> Tensor:
        """`count` windows of `length` frames, cut to crop × crop pixels: (count · length, H, W, C) uint8.

        A run shorter than a window is played back and forth. Sides of frames below `crop` bound all crops.
        """
        height = min(crop, min(run.shape[1] for run in self.runs))
        width = min(crop, min(run.shape[2] for run in self.runs))
        sizes = np.array([len(run) for run in self.runs], np.float64)
        found = []
        for _ in range(count):
            run = self.runs[random.choice(len(sizes), p=sizes / sizes.sum())]
            if self.shuffled:
                taken = run[torch.from_numpy(random.integers(len(run), size=length)).to(run.device)]
            elif len(run) >= length:
                start = int(random.integers(len(run) - length + 1))
                taken = run[start : start + length]
            else:
                there_and_back = np.concatenate((np.arange(len(run)), np.arange(len(run) - 1)[:0:-1]))
                taken = run[torch.from_numpy(np.resize(there_and_back, length)).to(run.device)]
            top = self._offset(run.shape[1] - height, self.config.patch_height, random)
            left = self._offset(run.shape[2] - width, self.config.patch_width, random)
            taken = taken[:, top : top + height, left : left + width]
            if flips:
                axes = [axis for axis, wanted in zip((0, 2), random.random(2) < 0.5, strict=True) if wanted]
                taken = taken.flip(axes) if axes else taken
            found.append(taken)
        return torch.cat(found)

    def frame_windows(
        self, count: int, length: int, crop: int, random: np.random.Generator, *, flips: bool
    ) -> Tensor:
        """`windows` as frames (count · length, in_channels, H, W) in [0, 1], where the pool lies."""
        pixels = self.windows(count, length, crop, random, flips=flips)
        return frames_from_pixels(pixels, self.config.in_channels)

    @staticmethod
    def _offset(room: int, patch: int, random: np.random.Generator) -> int:
        return int(random.integers(room // patch + 1)) * patch

    def split(self, part: int) -> "tuple[Pool, Pool]":
        """The pool without every `part`-th run, and those; of few runs, the last frames of each."""
        if len(self.runs) >= part:
            rest = [run for index, run in enumerate(self.runs) if index % part]
            held = self.runs[::part]
        else:
            ends = [max(1, len(run) // part) for run in self.runs]
            rest = [run[:-end] if len(run) > end else run for run, end in zip(self.runs, ends, strict=True)]
            held = [run[-end:] for run, end in zip(self.runs, ends, strict=True)]
        return Pool(rest, self.config, self.shuffled), Pool(held, self.config, self.shuffled)


def read_pool(
    sources: Sequence[Source],
    config: IMFNConfig,
    *,
    shuffled: bool = False,
    memory: float = 4.0,
    seed: int = 0,
    over: Callable[[], bool] = never,
    progress: Progress = lambda *_: None,
) -> tuple[Pool, int]:
    """Decode `sources` into a pool of at most `memory` GB, and the number of all frames that were seen.

    Of more data every frame has the same chance to be in it (reservoir sampling of runs). over: asked after
    each run of frames; where it says so, the rest is not read. Raises `InputError` when a clip cannot be
    read, or there is no frame at all.
    """
    random = np.random.default_rng(seed)
    runs: list[np.ndarray] = []
    used = seen = 0
    room = memory * 1e9
    for run in _all_runs(sources, config, over, progress):
        seen += len(run)
        runs.append(run)
        used += run.nbytes
        while used > room and len(runs) > 1:
            # Any run, the newest included, is as likely to go.
            used -= runs.pop(int(random.integers(len(runs)))).nbytes
    if not runs:
        raise InputError("no frames to train on; name sequences or directories of them")
    if shuffled:
        same = [run for run in runs if run.shape[1:] == runs[0].shape[1:]]
        if len(same) < len(runs):
            raise InputError("shuffled training needs frames of one size; the data has several")
        runs = [np.concatenate(runs)]
    return Pool([torch.from_numpy(run) for run in runs], config, shuffled), seen


def _all_runs(
    sources: Sequence[Source], config: IMFNConfig, over: Callable[[], bool], progress: Progress
) -> Iterator[np.ndarray]:
    """The runs of all clips, one after another, until it is over."""
    for index, source in enumerate(sources):
        progress("reading", index, len(sources))
        for run in _runs(source, config):
            yield run
            if over():
                return


def _runs(source: Source, config: IMFNConfig) -> Iterator[np.ndarray]:
    """A clip as runs of about `_RUN_WINDOWS` windows, none shorter than a window unless the clip is."""
    window = 1 << config.levels
    size = _RUN_WINDOWS * window
    held: list[np.ndarray] = []

    with open_sequence(source) as sequence:
        waiting: np.ndarray | None = None
        for pixels, _ in prefetch(batched(sequence, window), 2):
            held.append(_channels(pixels, config.in_channels))
            if sum(len(part) for part in held) >= size:
                if waiting is not None:
                    yield waiting
                waiting, held = np.concatenate(held), []
        if waiting is not None and sum(len(part) for part in held) < window:
            held.insert(0, waiting)
            waiting = None
        if waiting is not None:
            yield waiting
        if held:
            yield np.concatenate(held)


def _channels(pixels: np.ndarray, wanted: int) -> np.ndarray:
    if pixels.shape[3] == wanted:
        return pixels
    frames = frames_from_pixels(torch.from_numpy(pixels), wanted)
    return pixels_from_frames(frames, wanted).contiguous().numpy()
