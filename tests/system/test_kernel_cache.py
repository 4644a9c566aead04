"""Compiled kernels are kept where that is possible, and nothing stops where it is not."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from numba.core import config

from imfn_cli.system import kernel_cache
from imfn_cli.system.compiled import is_on_disk

from ..cli.running import environment

SOURCE = """
from imfn_cli.system.compiled import kernel

@kernel
def times(x):
    return {factor} * x
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where numba keeps what it compiles."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def made(folder: Path, factor: int = 2) -> Any:
    """A kernel of a module of its own, as a new process would have it."""
    place = folder.parent / "some_kernels.py"
    place.write_text(SOURCE.format(factor=factor))
    spec = importlib.util.spec_from_file_location("some_kernels", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module.times


def hits(one: Any) -> int:
    """How many of its compiled forms came from the disk."""
    return sum(one.stats.cache_hits.values())


def test_kept(folder: Path) -> None:
    assert made(folder)(21) == 42
    assert len(list(folder.rglob("*.nb?"))) == 2
    again = made(folder)
    assert (again(21), hits(again)) == (42, 1)


def test_whether_it_is_kept(folder: Path) -> None:
    """A kernel of another version, or of another machine, is as good as none."""
    assert not is_on_disk(made(folder))
    made(folder)(21)
    one = made(folder)
    assert is_on_disk(one)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(one.targetctx.codegen()), "magic_tuple", lambda _: ("another",))
        assert not is_on_disk(one)
    (path,) = folder.rglob("*.nbi")
    path.write_bytes(b"\x80\x05junk")
    assert not is_on_disk(made(folder))


def test_a_new_version_compiles_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel's machine code has the code of others in it, which may have changed."""
    made(folder)(21)
    monkeypatch.setattr(kernel_cache, "__version__", "99")
    again = made(folder)
    assert (again(21), hits(again)) == (42, 0)


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", [b"", b"\x80\x05junk"])
def test_damaged(folder: Path, ending: str, damage: bytes) -> None:
    made(folder)(21)
    (path,) = folder.rglob(f"*.{ending}")
    path.write_bytes(damage)
    again = made(folder)
    assert (again(21), hits(again)) == (42, 0)
    third = made(folder)
    assert (third(21), hits(third)) == (42, 1)


def test_a_folder_that_takes_no_files(folder: Path) -> None:
    one = made(folder)
    shutil.rmtree(folder)
    folder.write_text("a file")
    assert one(21) == 42
    # Nor from the beginning.
    assert made(folder)(21) == 42


def test_a_full_disk(folder: Path) -> None:
    """With files of at most 4000 bytes an index can be written, and what it names cannot."""
    made(folder, 2)(21)
    place = folder.parent / "some_kernels.py"
    place.write_text(SOURCE.format(factor=3))
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))\n"
        "import some_kernels; print(some_kernels.times(21))"
    )
    ran = subprocess.run(
        [sys.executable, "-B", "-c", program],
        capture_output=True,
        text=True,
        cwd=folder.parent,
        env={**environment(), "NUMBA_CACHE_DIR": str(folder)},
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "63\n", "")
    # The data of the old source is still there, and no index that names it.
    assert [path.suffix for path in folder.rglob("*.nb?")] == [".nbc"]
    assert made(folder, 3)(21) == 63
