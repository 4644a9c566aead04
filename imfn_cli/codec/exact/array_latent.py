"""An array latent as an array, at any place, for programs."""

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...bitstream.exact.array_file import ArrayFile
from ...bitstream.exact.array_header import ArrayHeader
from ...errors import LatentError
from ...limits import DEFAULT_LIMITS, Limits
from ...system.closing import Closing
from .needs import check_array_memory, check_array_needs
from .restore import read_array, read_memories

Array = NDArray[Any]


class ArrayLatent(Closing):
    """An array latent that is open: frames by number, as NumPy has them.

        with imfn.open_array("stack.safetensors") as stack:
            stack.shape, stack.dtype    # those of the array
            stack[100]                  # a frame
            stack[100:164]              # frames
            np.asarray(stack)           # all of it

    Only the groups of frames that are asked for are read and decoded; some stay in memory.
    """

    def __init__(
        self, path: str | Path, *, cache_bytes: int = 256 << 20, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        """Raises `LatentError` where it is none, `LimitError` where it asks for too much."""
        self.path = Path(path)
        self._cache_bytes = cache_bytes
        self._file = ArrayFile(self.path, limits)
        check_array_needs(self._file, 0)
        self._groups: OrderedDict[int, Array] = OrderedDict()

    @property
    def header(self) -> ArrayHeader:
        """All that the file says of itself."""
        return self._file.header

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return self.header.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the array, byte order included."""
        return np.dtype(self.header.dtype)

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def frames(self) -> int:
        """How many there are: the first axis, or all before those of a frame."""
        return self.header.frames

    @property
    def max_error(self) -> float | None:
        """Every sample is within it; 0: as it was; None: the latent holds memories, and promises nothing."""
        return self.header.max_error

    def __len__(self) -> int:
        return self.frames

    def __getitem__(self, key: Any) -> Array:
        """A frame, or frames (N, *frame); what follows a comma chooses within them. Raises IndexError.

        Raises `LatentError` where a group that they need is damaged.
        """
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        if not isinstance(first, slice) and not hasattr(first, "__index__"):
            raise IndexError(f"{first!r}: frames are chosen by a number or a slice")
        chosen = range(self.frames)[first]
        if isinstance(chosen, int):
            frame = self._window(chosen, chosen + 1)[0]
            return frame[rest] if rest else frame
        if not chosen:
            frames = np.empty((0, *self.header.frame_shape), self.dtype)
        else:
            low, high = min(chosen), max(chosen) + 1
            frames = self._window(low, high)
            if chosen.step != 1:
                frames = frames[[index - low for index in chosen]]
        return frames[(slice(None), *rest)] if rest else frames

    def __iter__(self) -> Iterator[Array]:
        """All frames in order, none of them kept."""
        for block in read_array(self._file, 0, self.frames):
            yield from block

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError("frames are decoded, so there is nothing to share")
        whole = self._window(0, self.frames).reshape(self.shape)
        return whole if dtype is None else whole.astype(dtype)

    def memories(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """The memories of a latent that was made with a ratio, in order of time, none of them kept.

        Each as its level (it stands for 2^level frames) and (C, h, w), in units of the array's range.
        Raises `LatentError` of one without memories, and where a group is damaged.
        """
        if self.header.tree is None:
            raise LatentError(f"{self.path}: has no memories; compress the array with a ratio, or with fit")
        for group in self._file.groups:
            for level, memories in read_memories(self._file, group):
                for memory in memories:
                    yield level, memory

    def _window(self, low: int, high: int) -> Array:
        """Frames low … high − 1. Raises `LimitError` where they are too many at once."""
        check_array_memory(self._file, high - low)
        parts = []
        for group in self._file.groups:
            if group.frames.start < high and group.frames.stop > low:
                frames = self._group(group.number)
                start = max(low, group.frames.start) - group.frames.start
                parts.append(frames[start : high - group.frames.start])
        return np.array(parts[0]) if len(parts) == 1 else np.concatenate(parts, dtype=self.dtype)

    def _group(self, index: int) -> Array:
        if index not in self._groups:
            group = self._file.groups[index]
            (self._groups[index],) = read_array(self._file, group.frames.start, group.frames.stop)
        self._groups.move_to_end(index)
        while len(self._groups) > 1 and sum(one.nbytes for one in self._groups.values()) > self._cache_bytes:
            self._groups.popitem(last=False)
        return self._groups[index]

    def close(self) -> None:
        """Forget what was kept. The latent can be used on."""
        self._groups.clear()

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to open it."""
        return {"path": self.path, "cache_bytes": self._cache_bytes, "limits": self._file.limits}

    def __setstate__(self, state: dict[str, Any]) -> None:
        ArrayLatent.__init__(self, **state)

    def __repr__(self) -> str:
        return f"<ArrayLatent {str(self.path)!r}: {self.dtype.name} of shape {self.shape}>"
