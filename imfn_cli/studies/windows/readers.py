"""Windows of video files as a dataset, by the usual readers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ...errors import ImfnError


class VideoWindow(NamedTuple):
    """A window of a file, counted in frames."""

    path: str
    start: int
    stop: int


class TorchcodecWindows(Dataset[Tensor]):
    """Windows read by torchcodec, one thread, uint8 (T, 3, H, W). Raises `ImfnError` without that package."""

    def __init__(self, windows: Sequence[VideoWindow]) -> None:
        self.windows = list(windows)
        _torchcodec()

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> Tensor:
        path, start, stop = self.windows[index]
        decoder = _torchcodec()(path, num_ffmpeg_threads=1)
        frames: Tensor = decoder.get_frames_in_range(start, stop).data
        return frames


def _torchcodec() -> Any:
    try:
        from torchcodec.decoders import VideoDecoder
    except (ImportError, OSError, RuntimeError) as error:
        raise ImfnError(
            "torchcodec cannot be loaded; pip install torchcodec, and FFmpeg's libraries"
        ) from error
    return VideoDecoder


class PyavWindows(Dataset[Tensor]):
    """Windows read by PyAV, one thread: back to the key frame before, and on. uint8 (T, 3, H, W)."""

    def __init__(self, windows: Sequence[VideoWindow]) -> None:
        self.windows = list(windows)

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> Tensor:
        path, start, stop = self.windows[index]
        with av.open(path) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            assert stream.average_rate is not None
            assert stream.time_base is not None
            ticks = 1 / (stream.average_rate * stream.time_base)
            container.seek(round(start * ticks), stream=stream)
            found = []
            for frame in container.decode(stream):
                assert frame.pts is not None
                number = round(frame.pts / ticks)
                if number >= start:
                    found.append(frame.to_ndarray(format="rgb24"))
                if number >= stop - 1:
                    break
        return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2)


def windows_of(paths: Sequence[Path], places: Sequence[tuple[int, int]], frames: int) -> list[VideoWindow]:
    """Windows of `frames` frames; places: the number of the file, and the first frame."""
    return [VideoWindow(str(paths[which]), start, start + frames) for which, start in places]
