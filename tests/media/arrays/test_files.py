"""Arrays in TIFF, HDF5 and Zarr: what comes back has the same shape, type, axes and pixel size."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.errors import InputError
from imfn_cli.media.arrays.open_array import open_array
from tests.codec.exact.arrays import made


def there_and_back(source: str | Path, folder: Path, ending: str) -> Path:
    """A file of the same kind, through a lossless latent."""
    imfn.compress(str(source), folder / "x.safetensors", lossless=True)
    restored = imfn.decompress(folder / "x.safetensors")
    assert Path(restored.output).suffix == ending
    return Path(restored.output)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["plain", "imagej", "ome", "bigtiff", "packed"])
def test_tiff(kind: str, order: str, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    stack = made((6, 20, 31), np.dtype("u2"), "smooth")
    path = tmp_path / "s.tif"
    options: dict[str, Any] = {"resolution": (2.5, 4.0), "resolutionunit": "CENTIMETER"}
    metadata: dict[str, Any] = {"axes": "TYX"}
    if kind == "imagej":
        metadata |= {"unit": "um", "spacing": 0.5, "finterval": 0.2}
        options = {"resolution": (2.5, 4.0)}
    if kind == "ome":
        metadata |= {"PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm"}
    if kind == "packed":
        options["compression"] = "zlib"
    tifffile.imwrite(
        path,
        stack,
        byteorder=order,
        imagej=kind == "imagej",
        ome=kind == "ome",
        bigtiff=kind == "bigtiff",
        metadata=metadata,
        **options,
    )
    with (
        tifffile.TiffFile(path) as before,
        tifffile.TiffFile(there_and_back(path, tmp_path, ".tif")) as after,
    ):
        assert np.array_equal(after.asarray(), stack)
        for name in ("byteorder", "is_imagej", "is_ome", "is_bigtiff"):
            assert getattr(after, name) == getattr(before, name), name
        ours, theirs = after.series[0], before.series[0]
        assert (ours.shape, ours.axes, ours.dtype) == (theirs.shape, theirs.axes, theirs.dtype)
        assert after.pages[0].resolution == before.pages[0].resolution
        if kind == "imagej":
            found = {name: after.imagej_metadata[name] for name in ("unit", "spacing", "finterval")}
            assert found == {"unit": "um", "spacing": 0.5, "finterval": 0.2}
        if kind == "ome":
            assert 'PhysicalSizeX="0.25"' in after.ome_metadata


@pytest.mark.parametrize(
    ("axes", "shape"),
    [("TCYX", (4, 2, 12, 13)), ("TZCYX", (3, 2, 2, 12, 13)), ("TYXS", (4, 12, 13, 3)), ("YX", (12, 13))],
)
def test_axes_of_tiff(axes: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    stack = made(shape, np.dtype("u2"), "noise")
    photometric = "rgb" if axes.endswith("S") else "minisblack"
    tifffile.imwrite(tmp_path / "s.tif", stack, metadata={"axes": axes}, photometric=photometric)
    with tifffile.TiffFile(there_and_back(tmp_path / "s.tif", tmp_path, ".tif")) as after:
        assert np.array_equal(after.asarray().reshape(shape), stack)
        if axes != "YX":
            assert (after.series[0].axes, after.series[0].shape) == (axes, shape)


def test_deep_tiff_needs_no_option(tmp_path: Path) -> None:
    """It is no longer mapped to 8 bits."""
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(
        tmp_path / "s.tif", made((6, 20, 31), np.dtype("f4"), "smooth"), metadata={"axes": "TYX"}
    )
    report = imfn.compress(tmp_path / "s.tif")
    assert isinstance(report, imfn.ArrayReport)
    assert report.dtype == "<f4"


def test_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    array = made((7, 11, 13), np.dtype(">i4"), "noise")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["group/a"] = array
        file["b"] = np.arange(3)
    with h5py.File(there_and_back(f"{tmp_path / 'x.h5'}::/group/a", tmp_path, ".h5")) as file:
        assert file["data"].dtype == array.dtype
        assert np.array_equal(file["data"][:], array)
    with pytest.raises(InputError, match=r"holds 2 arrays \(/b, /group/a\); name one"):
        open_array(tmp_path / "x.h5")
    with pytest.raises(InputError, match="holds no such array"):
        open_array(f"{tmp_path / 'x.h5'}::/c")


def test_zarr(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    array = made((7, 11, 13), np.dtype("<f8"), "gaps")
    zarr.create_array(tmp_path / "x.zarr", data=array, chunks=(3, 11, 13))
    place = there_and_back(tmp_path / "x.zarr", tmp_path, ".zarr")
    found = zarr.open(place, mode="r")
    assert found.dtype == array.dtype
    assert found[:].tobytes() == array.tobytes()
    with pytest.raises(imfn.OutputError, match="exists already"):
        imfn.decompress(tmp_path / "x.safetensors", place)
    imfn.decompress(tmp_path / "x.safetensors", place, force=True)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    (tmp_path / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(InputError, match=r"needs h5py; pip install 'imfn\[arrays\]'"):
        open_array(tmp_path / "x.h5")


def test_npz_is_read_in_order_and_anew(tmp_path: Path) -> None:
    array = made((9, 5, 6), np.dtype("<u2"), "noise")
    np.savez_compressed(tmp_path / "x.npz", data=array, times=np.arange(9))
    with open_array(tmp_path / "x.npz") as source:
        assert source.notes == ("1 other arrays left out",)
        for start, stop in ((0, 4), (4, 9), (2, 3), (8, 9)):
            assert np.array_equal(source.read(start, stop), array[start:stop])
    with open_array(f"{tmp_path / 'x.npz'}::times", start=3) as part:
        assert part.read(0, 2).tolist() == [3, 4]


def test_fortran_order(tmp_path: Path) -> None:
    array = np.asfortranarray(made((9, 5, 6), np.dtype("<u2"), "noise"))
    np.save(tmp_path / "x.npy", array)
    with open_array(tmp_path / "x.npy") as source:
        assert np.array_equal(source.read(2, 7), array[2:7])
