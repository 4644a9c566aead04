"""The codec of numcodecs: chunks of a Zarr array."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imfn_cli.errors import ImfnError

from .codec.exact.arrays import made

numcodecs = pytest.importorskip("numcodecs")


def codec(**how: Any) -> Any:
    from imfn_cli.numcodec import Imfn

    return Imfn(**how)


@pytest.mark.parametrize("dtype", ["|b1", ">u2", "<f4", "<i8"])
@pytest.mark.parametrize("shape", [(30,), (9, 7), (8, 9, 10), (3, 8, 9, 2)])
def test_chunks(shape: tuple[int, ...], dtype: str) -> None:
    array = made(shape, np.dtype(dtype), "smooth")
    found = codec().decode(codec().encode(array))
    assert (found.shape, found.dtype, found.tobytes()) == (array.shape, array.dtype, array.tobytes())
    out = np.empty_like(array)
    codec().decode(codec().encode(array), out)
    assert out.tobytes() == array.tobytes()


def test_an_error() -> None:
    array = made((8, 20, 20), np.dtype("<f4"), "smooth")
    data = codec(max_error=0.5).encode(array)
    assert len(data) < len(codec().encode(array)) / 2
    assert np.abs(codec().decode(data) - array).max() <= 0.5
    with pytest.raises(ValueError, match="is no error"):
        codec(max_error="much")
    with pytest.raises(ImfnError, match="chunk: holds complex64"):
        codec().encode(np.zeros((2, 2), np.complex64))
    with pytest.raises(ImfnError):
        codec().decode(b"nothing")


def test_its_configuration() -> None:
    numcodecs.register_codec(type(codec()))
    again = numcodecs.get_codec(codec(max_error="1%").get_config())
    assert again.get_config() == {"id": "imfn", "max_error": "1%"}


def test_in_zarr(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    numcodecs.register_codec(type(codec()))
    array = made((20, 12, 10), np.dtype("<u2"), "smooth")
    zarr.create_array(tmp_path / "x.zarr", data=array, chunks=(8, 12, 10), zarr_format=2, compressors=codec())
    found = zarr.open(tmp_path / "x.zarr", mode="r")
    assert np.array_equal(found[:], array)
    assert np.array_equal(found[9:11], array[9:11])
