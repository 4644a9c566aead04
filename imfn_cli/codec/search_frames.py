"""The frames of each window that motion is searched in, kept from a sequence that comes frame by frame."""

import numpy as np
from numpy.typing import NDArray


class SearchFrames:
    """Keeps the middle and the last frame of each node (`motion.search_frames`).

    Frames come in batches, ahead of the nodes. Two frames for every pending node are enough, as one memory is
    for each in `BinaryCounter`.
    """

    def __init__(self, level: int) -> None:
        self._level = level
        self._pending: list[tuple[int, NDArray[np.uint8], NDArray[np.uint8]]] = []

    def feed(self, luma: NDArray[np.uint8]) -> None:
        """Take the next frames' luma, (T, H, W)."""
        for frame in luma:
            level, middle, end = 0, frame, frame
            while self._pending and self._pending[-1][0] == level and level < self._level:
                _, _, middle = self._pending.pop()
                level += 1
            self._pending.append((level, middle, end))

    def pop(self, level: int) -> NDArray[np.uint8]:
        """The oldest node's search frames, (S, H, W). Raises ValueError if it is not of `level`."""
        found, middle, end = self._pending.pop(0)
        if found != level:
            raise ValueError(f"the next node is of level {found}, not {level}")
        return np.stack([middle, end] if level else [end])
