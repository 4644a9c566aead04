"""Array latents as a codec of Zarr 3: chunks to bytes, time along their first axis.

It is registered under the name "imfn", by an entry point too: what reads such an array needs imfn installed,
and nothing else. It knows types and shapes, so it stands where "bytes" does:

    zarr.create_array("x.zarr", data=stack, chunks=(64, *stack.shape[1:]),
                      serializer=ImfnSerializer(max_error=0.5), compressors=None)
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from zarr.abc.codec import ArrayBytesCodec
from zarr.registry import register_codec

from . import codec
from .chunks import decoded, encoded

NAME = "imfn"


@dataclass(frozen=True)
class ImfnSerializer(ArrayBytesCodec):
    """A chunk as an array latent: every bit of it, or every sample within an error.

    max_error: None is lossless; a number, in the samples' unit; "1%", a part of the chunk's range.

    Chunks have one to four axes, of booleans, integers or floats up to 64 bits. Raises ValueError for what is
    no error.
    """

    max_error: float | str | None = None

    is_fixed_size = False

    def __post_init__(self) -> None:
        self._tolerance()

    def _tolerance(self) -> "codec.Tolerance":
        return codec.Tolerance.exact() if self.max_error is None else codec.Tolerance.parse(self.max_error)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """What `to_dict` gave, as Zarr stores it with the array."""
        return cls(**data.get("configuration", {}))

    def to_dict(self) -> dict[str, Any]:
        """Name and configuration."""
        return {"name": NAME, "configuration": {"max_error": self.max_error}}

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        """Not known before."""
        raise NotImplementedError

    async def _encode_single(self, chunk_data: Any, chunk_spec: Any) -> Any:
        array = np.asarray(chunk_data.as_ndarray_like())
        data = await asyncio.to_thread(encoded, array, self._tolerance())
        return chunk_spec.prototype.buffer.from_bytes(data)

    async def _decode_single(self, chunk_data: Any, chunk_spec: Any) -> Any:
        array = await asyncio.to_thread(decoded, chunk_data.to_bytes())
        wanted = chunk_spec.dtype.to_native_dtype()
        return chunk_spec.prototype.nd_buffer.from_ndarray_like(
            array.astype(wanted).reshape(chunk_spec.shape)
        )


register_codec(NAME, ImfnSerializer)
