"""Writing without ever losing anything: a temporary file beside the target, then one rename."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import OutputError
from .leftovers import remove_leftovers, temporary_name


def check_output(path: Path, *, force: bool) -> None:
    """Raise `OutputError` unless a file may be written at `path` (exists without `force`, no such folder)."""
    if path.is_dir():
        raise OutputError(f"{path}: is a directory; name a file with -o")
    # A link that leads nowhere is somebody's too.
    if (path.exists() or path.is_symlink()) and not force:
        raise OutputError(
            f"{path}: exists already; choose another name with -o, or overwrite it with --force"
        )
    if path.exists() and not path.is_file():
        raise OutputError(f"{path}: is a device or a pipe; name a file with -o")
    check_folder(path.parent)


def check_folder(folder: Path) -> None:
    """Raise `OutputError` unless files may be made in `folder`."""
    if not folder.is_dir():
        raise OutputError(f"{folder}: no such directory; create it, or choose another place with -o")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"{folder}: this directory cannot be written to; choose another place with -o")


@contextlib.contextmanager
def writing(name: str | Path) -> Iterator[None]:
    """Turn the system's errors while writing `name` into `OutputError`; keep reading out of the block.

    Whoever reads our standard output may leave: `BrokenPipeError` is no failure to tell of.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"{name}: {_why_not(error)}") from error


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write all of `data` to an unbuffered file: a full disk or a signal may cut a write short."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _why_not(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no space left on the device; free some, or choose another place with -o"
    if error.errno == errno.EFBIG:
        return (
            "larger than this system allows a file to be; raise 'ulimit -f', or choose another place with -o"
        )
    return f"cannot be written ({error.strerror or error}); choose another place with -o"


def checked_target(path: Path, *, force: bool) -> Path:
    """Where writing to `path` leads: a link stays one, what it leads to is written.

    Raises `OutputError` as `check_output` does.
    """
    check_output(path, force=force)
    if path.is_symlink():
        path = path.resolve()
        check_output(path, force=force)
    return path


@contextlib.contextmanager
def replacing(path: Path, *, force: bool) -> Iterator[Path]:
    """Yield a temporary path beside `path` (same ending); it becomes `path` when the block succeeds.

    A link stays one: what it leads to is replaced.

    When the block raises (Ctrl-C and a full disk included) the temporary file is removed and `path` stays
    as it was. Raises `OutputError` as `check_output` does, before the block runs.
    """
    path = checked_target(path, force=force)
    remove_leftovers(path.parent)
    temporary = path.with_name(temporary_name(path.stem, path.suffix))
    try:
        yield temporary
        # Checked again: somebody may have made the file while we worked.
        check_output(path, force=force)
        with writing(path):
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
