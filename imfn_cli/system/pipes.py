"""Standard input and output as files: what is not read or written from front to back lies on disk.

A name of "-" stands for them.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import ImfnError, InputError, OutputError
from .leftovers import temporary_folder

#: What stands for standard input, and for standard output.
STANDARD = "-"
_BLOCK = 1 << 20


def is_standard(name: object) -> bool:
    """Whether `name` stands for standard input or output; a file that is called so is "./-"."""
    return isinstance(name, str | Path) and str(name) == STANDARD


def check_stdin(what: str) -> None:
    """Raise `InputError` where standard input is a terminal. what: should be piped into it."""
    if sys.stdin is not None and sys.stdin.isatty():
        raise InputError(f"stdin: is a terminal; pipe {what} into it, or name a file")


def check_stdout() -> None:
    """Raise `OutputError` where standard output is a terminal."""
    if sys.stdout is not None and sys.stdout.isatty():
        raise OutputError("stdout: is a terminal; pipe it into another program, or name a file with -o")


@contextlib.contextmanager
def stdin_on_disk(ending: str) -> Iterator[Path]:
    """All of standard input as a temporary file, for the block."""
    with temporary_folder(Path(tempfile.gettempdir()), "imfn") as folder:
        path = folder / f"stdin{ending}"
        with path.open("wb") as file:
            while block := os.read(0, _BLOCK):
                file.write(block)
        with _called("stdin", path):
            yield path


@contextlib.contextmanager
def stdout_from_disk(ending: str) -> Iterator[Path]:
    """A temporary path; what the block writes there goes to standard output when it succeeds."""
    check_stdout()
    with temporary_folder(Path(tempfile.gettempdir()), "imfn") as folder:
        path = folder / f"stdout{ending}"
        with _called("stdout", path):
            yield path
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer, _BLOCK)
        sys.stdout.buffer.flush()


@contextlib.contextmanager
def _called(name: str, path: Path) -> Iterator[None]:
    """Messages of the block say `name` instead of the temporary path."""
    try:
        yield
    except ImfnError as error:
        raise type(error)(str(error).replace(str(path), name)) from error
