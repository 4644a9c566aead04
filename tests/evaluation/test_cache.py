"""Where finished rows lie, and what they are found by."""

from pathlib import Path

import numpy as np
import pytest

from imfn_cli.errors import ImfnError
from imfn_cli.evaluation.cache import RowCache, content_hash
from imfn_cli.media import expand_inputs


def test_a_cache_needs_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImfnError, match="is not a directory; choose another place for --cache"):
        RowCache(tmp_path / "file")


def test_content_is_hashed_not_names(tmp_path: Path) -> None:
    names = ("a/1.npy", "b/2.npy", "c/3.npy")
    for name, value in zip(names, (0, 0, 1), strict=True):
        (tmp_path / name).parent.mkdir()
        np.save(tmp_path / name, np.full((2, 8, 8), value, np.uint8))
    one, same, other = (content_hash(expand_inputs([str(tmp_path / name)])[0]) for name in names)
    assert one == same != other
    with pytest.raises(ImfnError, match="gone"):
        content_hash(expand_inputs([str(tmp_path / "gone.npy")])[0])
