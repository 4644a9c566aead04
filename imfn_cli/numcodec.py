"""Array latents as a codec of numcodecs: chunks of a Zarr array (format 2), time along their first axis.

It is registered under the name "imfn" by an entry point: what reads such an array needs imfn installed, and
nothing else.

    zarr.create_array("x.zarr", data=stack, chunks=(64, *stack.shape[1:]), zarr_format=2,
                      compressors=Imfn(max_error=0.5))
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ndarray_copy

from . import bitstream, codec, media


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
        array = np.asarray(buf)
        with tempfile.TemporaryDirectory(prefix="imfn-") as folder:
            latent = Path(folder) / "chunk.safetensors"
            codec.compress_array(media.GivenArray(array, "chunk"), latent, self._tolerance)
            return latent.read_bytes()

    def decode(self, buf: Any, out: Any = None) -> Any:
        """What `encode` gave → the chunk. Raises `LatentError` where it is damaged."""
        with tempfile.TemporaryDirectory(prefix="imfn-") as folder:
            latent = Path(folder) / "chunk.safetensors"
            latent.write_bytes(np.asarray(buf).tobytes() if not isinstance(buf, bytes) else buf)
            opened = bitstream.ArrayFile(latent)
            blocks = list(codec.read_array(opened, 0, opened.header.frames))
            # NumPy's own byte order would come of it unless told.
            chunk = np.concatenate(blocks, dtype=np.dtype(opened.header.dtype))
        return ndarray_copy(chunk.reshape(opened.header.shape), out)

    def get_config(self) -> dict[str, Any]:
        """What Zarr stores with the array."""
        return {"id": self.codec_id, "max_error": self.max_error}
