"""Lines on stderr: what the user is told beside results, and what an exception is called."""

import os
import sys

from ..errors import ImfnError


def say(message: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"imfn: {' '.join(message.splitlines())}\n")
    sys.stderr.flush()


def debugging() -> bool:
    """Whether exceptions shall pass through with their traceback."""
    return os.environ.get("IMFN_DEBUG") == "1"


def describe(error: BaseException) -> str:
    """One line for any exception."""
    if isinstance(error, ImfnError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    text = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, MemoryError) or "out of memory" in text.lower() or "allocate memory" in text:
        return "out of memory; try smaller frames, or --device cpu"
    return f"{text} (IMFN_DEBUG=1 shows where)"
