"""A latent as a sequence of frames and of memories, at any place, for programs."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from . import bitstream, codec, media, zoo
from .bitstream.container.node import nodes_under
from .codec.exact.array_latent import ArrayLatent
from .errors import LatentError
from .limits import DEFAULT_LIMITS, Limits
from .system.closing import Closing
from .system.remote import place_of

if TYPE_CHECKING:
    from torch import Tensor

    from .bitstream import Header
    from .zoo import Model

Pixels = NDArray[np.uint8]
#: Bytes of restored frames that a latent keeps at most, unless told otherwise.
CACHE_BYTES = 256 << 20


class Memory(NamedTuple):
    """A memory of a latent's forest.

    level: merges above the leaves; it holds 2**level frames.   frames: which ones, counted from 0.
    values: (C, h, w) float32, as they were quantised; in the pixels' unit.
    """

    level: int
    frames: range
    values: "Tensor"


class Latent(Closing):
    """A latent that is open: its frames by number, its memories, its times.

        with imfn.open("clip.safetensors") as latent:
            latent.shape          # (T, H, W, C)
            latent[100]           # uint8 (H, W, C)
            latent[100:164]       # uint8 (64, H, W, C)

    Only what is asked for is read and decoded. In a latent with groups of pictures (GOPs) a frame needs those
    before it in its GOP; they are kept, `cache_bytes` of them, so that the next window there costs little.
    Several threads may use it. It can be pickled, for the workers of a DataLoader: each opens the file anew.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        model: "str | Path | Model | None" = None,
        device: str = "auto",
        cache_bytes: int = CACHE_BYTES,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """See `open`."""
        self.path = place_of(path)
        self._named, self._device, self._cache_bytes = model, device, cache_bytes
        self._reader = bitstream.open_latent(self.path, limits)
        self._model: Model | None = model if isinstance(model, zoo.Model) else None
        self._gops: OrderedDict[int, _Gop] = OrderedDict()
        # Of the GOPs, which threads restore one after another.
        self._lock = threading.RLock()

    @property
    def header(self) -> "Header":
        """All that the file says of itself."""
        return self._reader.header

    @property
    def frames(self) -> int:
        """How many there are."""
        return self.header.frames

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, H, W, C) of all frames; C is 3 (RGB) or 1 (gray)."""
        header = self.header
        return header.frames, *header.frame_shape

    @property
    def times(self) -> NDArray[np.float64]:
        """(T,) when each frame is shown, in seconds."""
        ticks = np.fromiter(self._reader.times(), np.float64, self.frames)
        return ticks * float(self.header.time_base)

    @property
    def model(self) -> "Model":
        """The model that wrote it, loaded on first use. Raises `ModelError` where it cannot be found."""
        if self._model is None:
            self._model = codec.model_of(self._reader, self._named, self._device)
        return self._model

    def use(self, model: "Model") -> None:
        """Share a model that is loaded already. Raises `ModelError` where another one wrote the latent."""
        self._model = codec.model_of(self._reader, model)

    @property
    def cached_bytes(self) -> int:
        """What the restored frames that are kept take."""
        frame = self.header.height * self.header.width * self.header.channels
        with self._lock:
            return sum(len(gop.restored) for gop in self._gops.values()) * frame

    def __len__(self) -> int:
        return self.frames

    @overload
    def __getitem__(self, key: int) -> Pixels: ...
    @overload
    def __getitem__(self, key: slice) -> Pixels: ...
    def __getitem__(self, key: int | slice) -> Pixels:
        """A frame (H, W, C), or frames (N, H, W, C), uint8; negative numbers count from the end.

        Raises IndexError, and `LatentError` where a node that they need is damaged.
        """
        chosen = range(self.frames)[key]
        if isinstance(chosen, int):
            return self._window(chosen, chosen + 1)[0]
        if not chosen:
            return np.empty((0, *self.shape[1:]), np.uint8)
        low, high = min(chosen), max(chosen) + 1
        window = self._window(low, high)
        return window if chosen.step == 1 else window[[index - low for index in chosen]]

    def __iter__(self) -> Iterator[Pixels]:
        """All frames in order, (H, W, C) each, none of them kept."""
        for frame in codec.restored_frames(self._reader, self.model):
            yield frame.pixels

    def alpha(self, start: int = 0, stop: int | None = None) -> Pixels | None:
        """The alpha planes of frames start … stop − 1, (N, H, W); None where nothing shines through.

        Frames are composited on black. Raises `InputError` for an empty selection, `LatentError` for damage.
        """
        chosen = media.selected(str(self.path), self.frames, start, stop)
        if not self._reader.alpha:
            return None
        parts = []
        for group in self._reader.alpha:
            first = max(chosen.start - group.frames.start, 0)
            if first < len(group.frames) and group.frames.start < chosen.stop:
                planes = self._reader.read_alpha(group)
                parts.append(planes[first : chosen.stop - group.frames.start])
        return np.concatenate(parts)

    def memories(self, start: int = 0, stop: int | None = None) -> Iterator[Memory]:
        """The memories that hold frames start … stop − 1, in order; the last ones are of lower levels.

        What `compress` made of the frames, quantised. Raises `InputError` for an empty selection, and
        `LatentError` for damage, and of an adaptive forest, which has no memories of whole frames.
        """
        if self.header.adaptive:
            raise LatentError(f"{self.path}: an adaptive forest has no memories of whole frames; use -r 16")
        chosen = media.selected(str(self.path), self.frames, start, stop)
        wanted = nodes_under(self._reader.nodes, chosen.start, chosen.stop)
        codec.check_needs(self._reader, self.model, frames=len(chosen))
        decoder = codec.Decoder(self._reader, self.model)
        first = wanted[0].index
        for node in decoder.walk(first, wanted[-1].index + 1):
            if node.problem:
                raise LatentError(node.problem)
            if node.entry.index >= first and node.memory is not None:
                yield Memory(node.entry.level, node.entry.frames, node.memory)

    def close(self) -> None:
        """Forget what was kept. The latent can be used on."""
        with self._lock:
            self._gops.clear()

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to open it."""
        return {
            "path": self.path,
            "model": self._model if isinstance(self._named, zoo.Model) else self._named,
            "device": self._device,
            "cache_bytes": self._cache_bytes,
            "limits": self._reader.limits,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        Latent.__init__(self, **state)

    def __repr__(self) -> str:
        frames, height, width, _ = self.shape
        return f"<Latent {str(self.path)!r}: {frames} frames of {width}×{height}>"

    # -- frames ---------------------------------------------------------------------------------------------

    def _window(self, low: int, high: int) -> Pixels:
        """Frames low … high − 1, (N, H, W, C)."""
        if self.header.gop_nodes == 1 and not self.header.adaptive:
            # Nothing that another frame would need as well.
            found = np.empty((high - low, *self.shape[1:]), np.uint8)
            for index, frame in enumerate(codec.restored_frames(self._reader, self.model, low, high)):
                found[index] = frame.pixels
            return found
        parts = []
        with self._lock:
            while low < high:
                gop = self._gop_of(low)
                stop = min(high, gop.frames.stop)
                parts.append(gop.window(low, stop))
                low = stop
            self._keep_within()
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _gop_of(self, frame: int) -> "_Gop":
        """The GOP that a frame is in, as far as it was restored before."""
        nodes, header = self._reader.nodes, self.header
        (node,) = nodes_under(nodes, frame, frame + 1)
        first = node.index - node.index % header.gop_nodes
        if first not in self._gops:
            last = nodes[min(first + header.gop_nodes, len(nodes)) - 1]
            held = range(nodes[first].first_frame, last.frames.stop)
            self._gops[first] = _Gop(self, held)
        self._gops.move_to_end(first)
        return self._gops[first]

    def _keep_within(self) -> None:
        """Forget the GOPs that were not asked for longest, until the others fit."""
        while self.cached_bytes > self._cache_bytes:
            self._gops.popitem(last=False)


class _Gop:
    """The frames of a GOP, restored from its first one on as far as they were asked for."""

    def __init__(self, latent: Latent, frames: range) -> None:
        self.frames = frames
        self.restored: list[Pixels] = []
        self._coming = codec.restored_frames(latent._reader, latent.model, frames.start, frames.stop)

    def window(self, low: int, high: int) -> Pixels:
        """Frames low … high − 1, counted as in the latent."""
        while len(self.restored) < high - self.frames.start:
            self.restored.append(next(self._coming).pixels)
        return np.stack(self.restored[low - self.frames.start : high - self.frames.start])


def open(
    path: str | Path,
    *,
    model: "str | Path | Model | None" = None,
    device: str = "auto",
    cache_bytes: int = CACHE_BYTES,
    limits: Limits = DEFAULT_LIMITS,
) -> Latent:
    """Open a latent for reading frames and memories at any place.

    path: a file, or an address such as s3://bucket/clip.safetensors, read by range requests.
    model: as in `decompress`.   device: where the network computes.   cache_bytes: of restored frames, at
    most, that are kept.   limits: for what the file may ask of this machine.

    Raises `LatentError` where it is none, or an array's (`open_array`); `ModelError` when its first frame is
    asked for, and `LimitError` for frames that are too large or too many at once.
    """
    if bitstream.kind_of(place_of(path)) is bitstream.Kind.ARRAY:
        raise LatentError(f"{path}: holds an array; open it with imfn.open_array")
    return Latent(path, model=model, device=device, cache_bytes=cache_bytes, limits=limits)


def open_array(
    path: str | Path, *, cache_bytes: int = CACHE_BYTES, limits: Limits = DEFAULT_LIMITS
) -> ArrayLatent:
    """Open the latent of an array for reading its frames at any place.

    cache_bytes: of restored frames, at most, that are kept.   limits: for what the file may ask of this
    machine. Raises `LatentError` where it is none, `LimitError` where it asks for too much.
    """
    return ArrayLatent(path, cache_bytes=cache_bytes, limits=limits)
