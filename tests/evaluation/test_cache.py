"""Where finished rows lie, and what they are found by."""

from pathlib import Path

import numpy as np
import pytest

from imfn_cli.errors import ImfnError
from imfn_cli.evaluation import cache
from imfn_cli.evaluation.cache import RowCache, content_hash
from imfn_cli.media import Source, expand_inputs
from imfn_cli.media.elsewhere import Elsewhere
from imfn_cli.system.remote import Stamp


def test_a_cache_needs_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImfnError, match="is not a directory; choose another place for --cache"):
        RowCache(tmp_path / "file")


def test_content_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And again where something has changed; a line that was cut short is passed by."""
    read: list[str] = []

    def counting(source: Source) -> str:
        read.append(source.name)
        return content_hash(source)

    monkeypatch.setattr(cache, "content_hash", counting)
    np.save(tmp_path / "a.npy", np.zeros((2, 8, 8), np.uint8))
    (source,) = expand_inputs([str(tmp_path / "a.npy")])

    def content() -> object:
        return RowCache(tmp_path / "cache").content_of(source)

    first = content()
    assert first == content_hash(source)
    with (tmp_path / "cache" / "contents.jsonl").open("a") as file:
        file.write('["cut sh')
    assert content() == first
    assert len(read) == 1
    np.save(tmp_path / "a.npy", np.ones((2, 8, 8), np.uint8))
    assert content() != first
    assert content() == content_hash(source)
    assert len(read) == 2


def test_content_elsewhere_is_told_by_its_stamp(tmp_path: Path) -> None:
    """Nothing is fetched; of what has no ETag or time no row is kept."""
    address = "s3://bucket/a.npy"
    rows = RowCache(tmp_path)
    told = rows.content_of(Elsewhere(address, (address,), Stamp(7, "etag"), None))
    assert told == {"address": address, "size": 7, "changed": "etag"}
    assert rows.content_of(Elsewhere(address, (address,), Stamp(7, ""), None)) is None


def test_content_of_a_zarr_store_is_its_files(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr", reason="no Zarr: pip install 'imfn[arrays]'")
    hashes = set()
    for name, value in (("a", 0), ("b", 1)):
        zarr.save_array(tmp_path / f"{name}.zarr", np.full((2, 8, 8), value, np.uint8))
        hashes.add(content_hash(expand_inputs([str(tmp_path / f"{name}.zarr")])[0]))
    assert len(hashes) == 2


def test_content_is_hashed_not_names(tmp_path: Path) -> None:
    names = ("a/1.npy", "b/2.npy", "c/3.npy")
    for name, value in zip(names, (0, 0, 1), strict=True):
        (tmp_path / name).parent.mkdir()
        np.save(tmp_path / name, np.full((2, 8, 8), value, np.uint8))
    one, same, other = (content_hash(expand_inputs([str(tmp_path / name)])[0]) for name in names)
    assert one == same != other
    with pytest.raises(ImfnError, match="gone"):
        content_hash(expand_inputs([str(tmp_path / "gone.npy")])[0])
