"""Chunks of chunked arrays as array latents in memory: what the codecs for Zarr share."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import bitstream, codec, media

Array = NDArray[Any]


def encoded(array: Array, tolerance: "codec.Tolerance") -> bytes:
    """An array → the bytes of an array latent. Raises `InputError` for what can be none."""
    with tempfile.TemporaryDirectory(prefix="imfn-") as folder:
        latent = Path(folder) / "chunk.safetensors"
        codec.compress_array(media.GivenArray(array, "chunk"), latent, tolerance)
        return latent.read_bytes()


def decoded(data: bytes) -> Array:
    """What `encoded` gave → the array. Raises `LatentError` where it is damaged."""
    with tempfile.TemporaryDirectory(prefix="imfn-") as folder:
        latent = Path(folder) / "chunk.safetensors"
        latent.write_bytes(data)
        opened = bitstream.ArrayFile(latent)
        blocks = list(codec.read_array(opened, 0, opened.header.frames))
        # NumPy's own byte order would come of it unless told.
        chunk = np.concatenate(blocks, dtype=np.dtype(opened.header.dtype))
        return chunk.reshape(opened.header.shape)
