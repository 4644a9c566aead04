"""x265 as a compressor of arrays: frames of 10 or 12 bits, lossless or at a quality."""

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
#: Values that its deepest frames hold.
LEVELS = 1 << 12
# Smaller than one of its largest blocks, libx265 has been seen to write outside its memory.
_SMALLEST = 64
# Of noisy frames it has been seen to change a few samples in spite of lossless=1: with all its tools, then
# without more and more of them.
_TOOLS = ("", ":weightp=0", ":weightp=0:rd=2:no-rect=1:no-amp=1")
# Its smallest blocks.
_BLOCK = 8
_LOWEST = struct.Struct("<dd")


def lossless(array: Array, _: float) -> list[bytes]:
    """Whole numbers below 2^12 apart, exactly; or as the last setting has them, where none is exact."""
    low, high = int(array.min()), int(array.max())
    levels = (array - array.dtype.type(low)).astype(np.uint16)
    data = b""
    for tools in _TOOLS:
        data = _coded(levels, high - low, f"lossless=1{tools}", {})
        if (_decoded(data, high - low, array.shape) == levels).all():
            break
    return [_LOWEST.pack(low, high), data]


def from_lossless(data: list[bytes], like: Array) -> Array:
    """What `lossless` was given."""
    low, high = map(int, _LOWEST.unpack(data[0]))
    return (_decoded(data[1], int(high) - int(low), like.shape) + low).astype(like.dtype)


def lossy(array: Array, crf: float) -> list[bytes]:
    """The range mapped to 12 bits, tuned for PSNR. crf: 0 (best) … 51."""
    low, high = float(array.min()), float(array.max())
    levels = np.rint((array.astype(np.float64) - low) * ((LEVELS - 1) / max(high - low, 1e-300)))
    options = {"crf": f"{crf:.2f}", "tune": "psnr"}
    return [_LOWEST.pack(low, high), _coded(levels.astype(np.uint16), LEVELS - 1, "", options)]


def from_lossy(data: list[bytes], like: Array) -> Array:
    """Samples of the range that was mapped."""
    low, high = _LOWEST.unpack(data[0])
    found = _decoded(data[1], LEVELS - 1, like.shape) * ((high - low) / (LEVELS - 1)) + low
    return np.rint(found).astype(like.dtype) if like.dtype.kind in "iu" else found.astype(like.dtype)


def _format(highest: int, shape: tuple[int, ...]) -> str:
    planes = "gbrp" if len(shape) == 4 and shape[3] == 3 else "gray"
    return f"{planes}{10 if highest < 1 << 10 else 12}le"


def _coded(levels: Array, highest: int, params: str, options: dict[str, str]) -> bytes:
    import av

    kind = _format(highest, levels.shape)
    frames = _padded(levels if kind.startswith("gbrp") else levels.reshape(levels.shape[:3]))
    params = ":".join(one for one in (params, "log-level=none:pools=none:frame-threads=1") if one)
    target = io.BytesIO()
    with av.open(target, "w", format="matroska") as container:
        stream = container.add_stream(
            "libx265", rate=25, options={"preset": "slow", "x265-params": params, **options}
        )
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], kind
        for frame in frames:
            native = np.ascontiguousarray(frame, "<u2")
            container.mux(stream.encode(av.VideoFrame.from_ndarray(native, format=kind)))
        container.mux(stream.encode())
    return target.getvalue()


def _padded(frames: Array) -> Array:
    """Whole blocks of frames (T, H, W, …), at least the smallest frame: it costs as little as can be."""
    sides = [-side % _BLOCK for side in frames.shape[1:3]]
    rest = [(0, 0)] * (frames.ndim - 3)
    whole = np.pad(frames, [(0, 0), *((0, side) for side in sides), *rest], "edge")
    sides = [max(0, _SMALLEST - side) for side in whole.shape[1:3]]
    if not any(sides):
        return whole
    # Blocks of one level, which never changes, take hardly a bit.
    level = round(float(frames.mean()))
    return np.pad(whole, [(0, 0), *((0, side) for side in sides), *rest], constant_values=level)


def _decoded(data: bytes, highest: int, shape: tuple[int, ...]) -> Array:
    import av

    kind = _format(highest, shape)
    with av.open(io.BytesIO(data), "r") as container:
        frames = [frame.to_ndarray(format=kind) for frame in container.decode(video=0)]
    return np.stack(frames)[:, : shape[1], : shape[2]].reshape(shape).astype(np.int64)
