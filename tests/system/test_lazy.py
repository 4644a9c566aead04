"""Packages whose public names are imported on first use."""

import ast
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import imfn_cli

PACKAGES = [
    "imfn_cli",
    *(module.name for module in pkgutil.walk_packages(imfn_cli.__path__, "imfn_cli.") if module.ispkg),
]
LAZY = [name for name in PACKAGES if hasattr(importlib.import_module(name), "__getattr__")]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package with the lazy names `one` and `two`, of two modules, and `own`, its own."""
    folder = tmp_path / "lazy_package"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from imfn_cli.system.lazy import lazy_attributes\n"
        "own = 0\n"
        "__getattr__, __dir__ = lazy_attributes(__name__, {'first': ('one',), 'second': ('two',)})\n"
    )
    (folder / "first.py").write_text("one = 1\n")
    (folder / "second.py").write_text("from .third import two\n")
    (folder / "third.py").write_text("two = 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder.name
    for name in [name for name in sys.modules if name.partition(".")[0] == folder.name]:
        del sys.modules[name]


def test_a_module_is_imported_on_first_use(package: str) -> None:
    loaded = importlib.import_module(package)
    assert {"one", "two", "own"} <= set(dir(loaded))
    assert f"{package}.first" not in sys.modules
    assert (loaded.one, loaded.own) == (1, 0)
    assert f"{package}.first" in sys.modules
    assert f"{package}.second" not in sys.modules
    assert loaded.two == 2


def test_a_name_that_is_not_there(package: str) -> None:
    loaded = importlib.import_module(package)
    with pytest.raises(AttributeError, match="module 'lazy_package' has no attribute 'three'"):
        _ = loaded.three
    assert not hasattr(loaded, "first")
    with pytest.raises(ImportError):
        exec(f"from {package} import three")


@pytest.mark.parametrize("name", LAZY)
def test_every_lazy_name_is_there_and_seen_by_type_checkers(name: str) -> None:
    package = importlib.import_module(name)
    for attribute in package.__all__:
        assert getattr(package, attribute) is not None
    tree = ast.parse(Path(package.__file__ or "").read_text(encoding="utf-8"))
    typed = {
        alias.asname or alias.name
        for block in tree.body
        if isinstance(block, ast.If)
        for line in block.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }
    plain = {
        alias.asname or alias.name
        for line in tree.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }
    assert typed == set(package.__all__) - plain
