"""Alpha planes of a few frames as bytes and back, without loss.

u8        0: all samples are the u8 that follows, and no more; else how they were predicted: 1 not at all,
          2 from the left, 3 from above, 4 from the frame before; differences modulo 256, 0 beyond the edge
the rest  a raw LZMA2 stream, dictionary of 4 MiB, of them in the order (T, H, W)
"""

import zlib

import numpy as np
from numpy.typing import NDArray

Planes = NDArray[np.uint8]

#: Frames that are coded together at most.
MOST_FRAMES = 64
#: Samples that are coded together at most, unless a single frame has more.
MOST_SAMPLES = 1 << 24
#: What planes are that hide nothing.
OPAQUE = b"\0\xff"
_CONSTANT = 0
_DICTIONARY = 1 << 22
# Presets from 6 on take three times as long for a few percent.
_PRESET = 4
# The axis along which samples are predicted, by the first byte.
_AXES: dict[int, int | None] = {1: None, 2: 2, 3: 1, 4: 0}


def encode(planes: Planes) -> bytes:
    """The bytes of uint8 planes (T, H, W), at least one sample."""
    # Some builds of Python lack it, and most latents need it not.
    import lzma

    first = int(planes.flat[0])
    if (planes == first).all():
        return bytes((_CONSTANT, first))
    kind, residual = min(
        ((kind, _residual(planes, axis)) for kind, axis in _AXES.items()),
        key=lambda one: len(zlib.compress(one[1].tobytes(), 1)),
    )
    filters = [{"id": lzma.FILTER_LZMA2, "preset": _PRESET, "dict_size": _DICTIONARY}]
    return bytes((kind,)) + lzma.compress(residual.tobytes(), format=lzma.FORMAT_RAW, filters=filters)


def decode(data: bytes, shape: tuple[int, int, int]) -> Planes:
    """The planes (T, H, W) that `encode` was given. Raises `ValueError` where the bytes are damaged."""
    import lzma

    if data[:1] == bytes((_CONSTANT,)):
        if len(data) != 2:
            raise ValueError("bytes are left over")
        return np.full(shape, data[1], np.uint8)
    if not data or data[0] not in _AXES:
        raise ValueError("unknown kind of alpha")
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": _DICTIONARY}]
    unpacking = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    count = shape[0] * shape[1] * shape[2]
    try:
        # Never more than was announced.
        found = unpacking.decompress(data[1:], count + 1)
    except (lzma.LZMAError, EOFError) as error:
        raise ValueError("its LZMA stream is damaged") from error
    if len(found) != count or not unpacking.eof or unpacking.unused_data:
        raise ValueError("its LZMA stream has another length")
    residual = np.frombuffer(found, np.uint8).reshape(shape)
    axis = _AXES[data[0]]
    return residual if axis is None else np.add.accumulate(residual, axis=axis, dtype=np.uint8)


def _residual(planes: Planes, axis: int | None) -> Planes:
    return planes if axis is None else np.diff(planes, axis=axis, prepend=np.uint8(0))


def frames_together(height: int, width: int, unit: int) -> int:
    """Frames of a size that are coded together where coding begins anew after `unit` frames."""
    return max(1, min(MOST_FRAMES, MOST_SAMPLES // 4 // (height * width), unit))


def check_group(frames: int, height: int, width: int) -> None:
    """Raise ValueError where no writer would code so many frames together."""
    if not 1 <= frames <= MOST_FRAMES or (frames > 1 and frames * height * width > MOST_SAMPLES):
        raise ValueError(f"{frames} frames of alpha together")
