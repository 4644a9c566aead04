"""Array latents as a codec of numcodecs: chunks of a Zarr array (format 2), time along their first axis.

It is registered under the name "imfn" by an entry point: what reads such an array needs imfn installed, and
nothing else.

    zarr.create_array("x.zarr", data=stack, chunks=(64, *stack.shape[1:]), zarr_format=2,
                      compressors=Imfn(max_error=0.5))
"""

from typing import Any

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ndarray_copy

from . import codec
from .chunks import decoded, encoded


class Imfn(Codec):
    """A chunk as an array latent: every bit of it, or every sample within an error.

    max_error: None is lossless; a number, in the samples' unit; "1%", a part of the chunk's range. Chunks are
    (T, H, W), (T, H, W, C), (T, D) or (T,), of booleans, integers or floats up to 64 bits.
    """

    codec_id = "imfn"

    def __init__(self, max_error: float | str | None = None) -> None:
        """Raises ValueError for what is no error."""
        self.max_error = max_error
        self._tolerance = codec.Tolerance.exact() if max_error is None else codec.Tolerance.parse(max_error)

    def encode(self, buf: Any) -> bytes:
        """A chunk → the bytes of an array latent. Raises `InputError` for what is no such array."""
        return encoded(np.asarray(buf), self._tolerance)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """What `encode` gave → the chunk. Raises `LatentError` where it is damaged."""
        data = buf if isinstance(buf, bytes) else np.asarray(buf).tobytes()
        return ndarray_copy(decoded(data), out)

    def get_config(self) -> dict[str, Any]:
        """What Zarr stores with the array."""
        return {"id": self.codec_id, "max_error": self.max_error}
