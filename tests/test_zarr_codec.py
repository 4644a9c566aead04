"""The codec of Zarr 3: chunks of an array, of every type, exactly or within an error."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .codec.exact.arrays import made

zarr = pytest.importorskip("zarr", reason="needs imfn[arrays]")
if int(zarr.__version__.split(".")[0]) < 3:
    pytest.skip("needs Zarr 3", allow_module_level=True)


def store(path: Path, array: np.ndarray, chunks: tuple[int, ...], **how: Any) -> Any:
    """The array written in chunks, and opened again by its metadata alone."""
    from imfn_cli.zarr_codec import ImfnSerializer

    zarr.create_array(path, data=array, chunks=chunks, serializer=ImfnSerializer(**how), compressors=None)
    return zarr.open_array(path, mode="r")


@pytest.mark.parametrize("dtype", ["|b1", "<u2", "<f4", "<i8"])
@pytest.mark.parametrize(
    ("shape", "chunks"),
    [((30,), (8,)), ((9, 7), (4, 7)), ((20, 9, 10), (8, 9, 10)), ((5, 8, 9, 2), (2, 8, 9, 2))],
)
def test_every_bit_comes_back(
    shape: tuple[int, ...], chunks: tuple[int, ...], dtype: str, tmp_path: Path
) -> None:
    array = made(shape, np.dtype(dtype), "smooth")
    found = store(tmp_path / "x.zarr", array, chunks)
    assert found.dtype == array.dtype
    assert found[:].tobytes() == array.tobytes()
    assert np.array_equal(found[3:5], array[3:5])


def test_within_an_error(tmp_path: Path) -> None:
    array = made((24, 30, 30), np.dtype("<f4"), "smooth")
    found = store(tmp_path / "x.zarr", array, (8, 30, 30), max_error=0.5)
    assert 0 < np.abs(found[:] - array).max() <= 0.5
    exact = store(tmp_path / "y.zarr", array, (8, 30, 30))
    sizes = [sum(one.stat().st_size for one in path.store.root.rglob("c/*/*/*")) for path in (found, exact)]
    assert sizes[0] < sizes[1] / 2


def test_its_metadata(tmp_path: Path) -> None:
    from imfn_cli.zarr_codec import ImfnSerializer

    store(tmp_path / "x.zarr", np.zeros((4, 5, 6), "u2"), (2, 5, 6), max_error="1%")
    (codec,) = json.loads((tmp_path / "x.zarr" / "zarr.json").read_text())["codecs"]
    assert codec == {"name": "imfn", "configuration": {"max_error": "1%"}}
    assert ImfnSerializer.from_dict(codec).to_dict() == codec
    with pytest.raises(ValueError, match="is no error"):
        ImfnSerializer(max_error="much")
