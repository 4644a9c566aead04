"""What a stream's frames become: the nodes of a fixed forest, or the trees of an adaptive one."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..bitstream.quantiser import checked_quality
from ..network import level_of_ratio
from ..zoo import Model
from .encoder import encode_intra
from .node_builders import node_builder


class LiveForest(ABC):
    """Takes frames one by one and gives nodes, which are coded one after another.

    fields: of the latent's header.   method: as reports name it.
    """

    fields: dict[str, Any]
    method: str

    @abstractmethod
    def feed(self, pixels: NDArray[np.uint8]) -> Iterable[tuple[int, Any]]:
        """The next frame (1, H, W, C) uint8 → the nodes that it completes: level, and what `encode` takes."""

    @abstractmethod
    def flush(self) -> Iterable[tuple[int, Any]]:
        """The tail: what no full tree holds."""

    @abstractmethod
    def encode(self, node: tuple[int, Any]) -> bytes:
        """The bytes of the next node; by another thread than `feed`, one after another."""


class FixedForest(LiveForest):
    """Memories of `ratio` frames, by the student or the exact tree, each coded alone.

    Raises `RatioError`, `ModelError` (no student).
    """

    def __init__(self, model: Model, *, ratio: int, quality: float, student: bool) -> None:
        level = level_of_ratio(ratio, model.network.config.levels)
        self._model, self._quality = model, checked_quality(quality)
        self._builder = node_builder(model, level, student=student)
        self.fields = {"ratio": ratio, "quality": self._quality, "student": student}
        self.method = "student" if student else "tree"

    def feed(self, pixels: NDArray[np.uint8]) -> Iterable[tuple[int, Tensor]]:
        return self._builder.feed(pixels)

    def flush(self) -> Iterable[tuple[int, Tensor]]:
        return self._builder.flush()

    def encode(self, node: tuple[int, Tensor]) -> bytes:
        return encode_intra(self._model, node, self._quality)[1]
