"""An adaptive forest of frames that come one by one."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ... import defaults
from ...bitstream.quantiser import checked_quality
from ...zoo.model import Model
from ..live_forest import LiveForest
from .bases import bases_of
from .compress import check_fits
from .effort import effort_of
from .gop_encoder import GopEncoder, new_state
from .shape import gop_of_trees, top_of

Pixels = NDArray[np.uint8]


class LiveAdaptiveForest(LiveForest):
    """Trees of as many frames as their largest window, each coded once its last frame is there.

    size: (H, W).   gop: frames in a group of pictures, about.   low_delay: every frame is a tree of its own.
    Raises ModelError as `compress_adaptive` does.
    """

    method = "adaptive"

    def __init__(
        self,
        model: Model,
        size: tuple[int, int],
        *,
        quality: float = defaults.QUALITY,
        gop: int = defaults.GOP,
        effort: int = defaults.EFFORT,
        low_delay: bool = False,
    ) -> None:
        check_fits(model)
        self._size, self._quality, self._effort = size, checked_quality(quality), effort_of(effort)
        top = top_of(*size, model.network.config.levels, windows=self._effort.windows, gop=gop)
        self._top = 0 if low_delay else top
        self._gop = gop_of_trees(self._top, gop)
        self._bases = bases_of(model, self._top)
        self._fed = 0
        self._waiting: list[Pixels] = []
        self._encoder: GopEncoder | None = None
        self.fields = {"ratio": 1 << self._top, "quality": self._quality, "gop_frames": self._gop}

    def feed(self, pixels: Pixels) -> Iterator[tuple[int, tuple[Pixels, bool]]]:
        first = self._fed % self._gop == 0
        self._fed += 1
        if first:
            yield 0, (pixels.copy(), True)
            return
        self._waiting.append(pixels.copy())
        if len(self._waiting) == 1 << self._top:
            yield self._tree(self._top)

    def flush(self) -> Iterator[tuple[int, tuple[Pixels, bool]]]:
        while self._waiting:
            yield self._tree(len(self._waiting).bit_length() - 1)

    def _tree(self, level: int) -> tuple[int, tuple[Pixels, bool]]:
        frames, self._waiting = self._waiting[: 1 << level], self._waiting[1 << level :]
        return level, (np.concatenate(frames), False)

    def encode(self, node: tuple[int, tuple[Pixels, bool]]) -> bytes:
        _, (pixels, first) = node
        if first:
            state = new_state(self._size, self._top, self._quality, self._bases)
            self._encoder = GopEncoder(state, self._effort)
            return self._encoder.first(pixels)
        assert self._encoder is not None
        return self._encoder.tree(pixels)
