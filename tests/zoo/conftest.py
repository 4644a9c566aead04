"""Model folders to damage, and what `load` says of them."""

import shutil
from pathlib import Path

import pytest

from imfn_cli.errors import ModelError
from imfn_cli.zoo import load


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder for each test: what one adds, another must not find."""
    monkeypatch.setenv("IMFN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tiny_model_dir: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model's folder, to be damaged."""
    return Path(shutil.copytree(tiny_model_dir, tmp_path / "tiny"))


def refusal(name: str | Path) -> str:
    """The one line that `load` refuses with."""
    with pytest.raises(ModelError) as caught:
        load(str(name), device="cpu")
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message
