"""Compressors of arrays to compare with, each to bytes and back.

Those that are lossless alone are given an error by coding samples in steps of it, which is what one does with
them. Versions and settings are those that users meet: strong, and no slower than minutes.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import array_x265

Array = NDArray[Any]
#: An array and the error that it may have, 0: none → its bytes. Those, and the array → what they hold.
Encode = Callable[[Array, float], list[bytes]]
Decode = Callable[[list[bytes], Array], Array]


@dataclass(frozen=True)
class ArrayPeer:
    """Another compressor. module: that it needs, by its name.   settings: for tables."""

    module: str
    settings: str
    takes: Callable[[Array, float], bool]
    encode: Encode
    decode: Decode


def _pictures(array: Array, _: float) -> bool:
    return array.dtype.kind == "u" and array.dtype.itemsize <= 2 and _planar(array)


def _in_12_bits(array: Array, error: float) -> bool:
    if not _pictures(array, error):
        return False
    return bool((int(array.max()) - int(array.min())) // (2 * int(error) + 1) + 1 < array_x265.LEVELS)


def _planar(array: Array) -> bool:
    return array.ndim == 3 or (array.ndim == 4 and array.shape[3] in (1, 3))


def _frames(
    encode: Callable[[Any, Array], bytes], decode: Callable[[Any, bytes], Array]
) -> tuple[Encode, Decode]:
    """A codec of single pictures, by imagecodecs."""
    return _frames_at(lambda codecs, frame, _: encode(codecs, frame), decode)


def _frames_at(
    encode: Callable[[Any, Array, float], bytes], decode: Callable[[Any, bytes], Array]
) -> tuple[Encode, Decode]:
    """The same with a setting."""

    def forth(array: Array, at: float) -> list[bytes]:
        codecs = import_module("imagecodecs")
        return [encode(codecs, np.ascontiguousarray(frame), at) for frame in array]

    def back(data: list[bytes], like: Array) -> Array:
        codecs = import_module("imagecodecs")
        return np.stack([decode(codecs, one) for one in data]).reshape(like.shape)

    return forth, back


def _blosc2(array: Array, _: float) -> list[bytes]:
    blosc2 = import_module("blosc2")
    settings = {"codec": blosc2.Codec.ZSTD, "clevel": 9, "filters": [blosc2.Filter.BITSHUFFLE], "nthreads": 1}
    return [blosc2.pack_array2(array, cparams=settings)]


def _from_blosc2(data: list[bytes], _: Array) -> Array:
    return np.asarray(import_module("blosc2").unpack_array2(data[0]))


def _floats(array: Array) -> Array:
    return array if array.dtype.kind == "f" and array.dtype.itemsize > 2 else array.astype(np.float32)


def _zfp(array: Array, max_error: float) -> list[bytes]:
    zfpy = import_module("zfpy")
    native = array.astype(array.dtype.newbyteorder("="))
    if max_error == 0:
        return [zfpy.compress_numpy(native.astype(np.int32) if native.dtype.kind == "u" else _floats(native))]
    return [zfpy.compress_numpy(_floats(native), tolerance=max_error)]


def _from_zfp(data: list[bytes], like: Array) -> Array:
    return _as(import_module("zfpy").decompress_numpy(data[0]), like)


def _sz3(array: Array, max_error: float) -> list[bytes]:
    pysz = import_module("pysz.sz")
    config = pysz.szConfig()
    config.errorBoundMode, config.absErrorBound = pysz.szErrorBoundMode.ABS, max_error
    native = np.ascontiguousarray(_floats(array), _floats(array).dtype.newbyteorder("="))
    return [pysz.sz.compress(native, config)[0].tobytes()]


def _from_sz3(data: list[bytes], like: Array) -> Array:
    dtype = _floats(like[:1]).dtype.newbyteorder("=")
    found = import_module("pysz.sz").sz.decompress(np.frombuffer(data[0], np.uint8), dtype, like.shape)[0]
    return _as(found, like)


def _as(found: Array, like: Array) -> Array:
    if like.dtype.kind == "f":
        return found.astype(like.dtype)
    limits = np.iinfo(like.dtype)
    return np.rint(found.astype(np.float64)).clip(limits.min, limits.max).astype(like.dtype)


def _ffv1(array: Array, _: float) -> list[bytes]:
    import av

    colour = array.ndim == 4 and array.shape[3] == 3
    wide = array.dtype.itemsize == 2
    given = {
        (False, False): "gray",
        (False, True): "gray16le",
        (True, False): "rgb24",
        (True, True): "rgb48le",
    }
    kind = given[colour, wide]
    coded = {"rgb24": "bgr0", "rgb48le": "gbrp16le"}.get(kind, kind)
    target = io.BytesIO()
    with av.open(target, "w", format="matroska") as container:
        stream = container.add_stream(
            "ffv1", rate=25, options={"level": "3", "coder": "1", "context": "1", "g": "300"}
        )
        stream.width, stream.height, stream.pix_fmt = array.shape[2], array.shape[1], coded
        for frame in array.reshape(array.shape[:3] + ((3,) if colour else ())):
            native = np.ascontiguousarray(frame, frame.dtype.newbyteorder("<"))
            frame_in = av.VideoFrame.from_ndarray(native, format=kind)
            container.mux(stream.encode(frame_in.reformat(format=coded)))
        container.mux(stream.encode())
    return [target.getvalue()]


def _from_ffv1(data: list[bytes], like: Array) -> Array:
    import av

    colour, wide = like.ndim == 4 and like.shape[3] == 3, like.dtype.itemsize == 2
    kind = ("rgb48le" if wide else "rgb24") if colour else ("gray16le" if wide else "gray")
    with av.open(io.BytesIO(data[0]), "r") as container:
        frames = [frame.to_ndarray(format=kind) for frame in container.decode(video=0)]
    return np.stack(frames).reshape(like.shape).astype(like.dtype)


_PNG = _frames(
    lambda codecs, frame: codecs.png_encode(frame, level=9), lambda codecs, data: codecs.png_decode(data)
)
_JXL = _frames(
    lambda codecs, frame: codecs.jpegxl_encode(frame, lossless=True, effort=7, numthreads=1),
    lambda codecs, data: codecs.jpegxl_decode(data, numthreads=1),
)
_J2K = _frames(
    lambda codecs, frame: codecs.jpeg2k_encode(frame, reversible=True, level=0),
    lambda codecs, data: codecs.jpeg2k_decode(data),
)
#: With an error of its own: butteraugli's distance, and minus the PSNR of the type's range.
distances, from_distances = _frames_at(
    lambda codecs, frame, at: codecs.jpegxl_encode(frame, distance=at, effort=7, numthreads=1),
    lambda codecs, data: codecs.jpegxl_decode(data, numthreads=1),
)
levels, from_levels = _frames_at(
    lambda codecs, frame, at: codecs.jpeg2k_encode(frame, reversible=False, level=-at),
    lambda codecs, data: codecs.jpeg2k_decode(data),
)
_NUMBERS = "iuf"

#: By the name that `imfn bench arrays --against` takes.
ARRAY_PEERS: dict[str, ArrayPeer] = {
    "zstd": ArrayPeer("blosc2", "blosc2, bitshuffle, level 9", lambda *_: True, _blosc2, _from_blosc2),
    "zfp": ArrayPeer(
        "zfpy",
        "tolerance, or reversible",
        # Its whole numbers are signed, and it has up to four dimensions.
        lambda array, error: array.dtype.kind in _NUMBERS and (error > 0 or array.dtype.itemsize <= 4),
        _zfp,
        _from_zfp,
    ),
    "sz3": ArrayPeer(
        "pysz",
        "absolute error, interpolation and Lorenzo",
        lambda array, error: array.dtype.kind in _NUMBERS and error > 0,
        _sz3,
        _from_sz3,
    ),
    "jxl": ArrayPeer("imagecodecs", "JPEG XL, lossless, effort 7", _pictures, *_JXL),
    "j2k": ArrayPeer("imagecodecs", "JPEG 2000, reversible", _pictures, *_J2K),
    "ffv1": ArrayPeer("av", "version 3, large context", _pictures, _ffv1, _from_ffv1),
    "png": ArrayPeer("imagecodecs", "level 9", _pictures, *_PNG),
    "x265": ArrayPeer(
        "av",
        "slow, 10 or 12 bits, padded to 64 pixels",
        _in_12_bits,
        array_x265.lossless,
        array_x265.from_lossless,
    ),
}
#: Those that take an error themselves.
WITH_ERROR = ("zfp", "sz3")
