"""Lines on stderr: what the user is told beside results, and what an exception is called."""

import os
import sys

from ..errors import ImfnError

#: What is on the terminal's last line until something else is: nothing, or a hint.
_hints: list[str] = []


def hint(message: str) -> None:
    """Show on a terminal that work has begun, until anything else is said."""
    if sys.stderr.isatty() and not _hints:
        _hints.append(message)
        sys.stderr.write(f"imfn: {message}")
        sys.stderr.flush()


def take_hint_back() -> None:
    """Clear the line that `hint` wrote."""
    if _hints:
        _hints.clear()
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def escaped(text: str) -> str:
    """`text` without anything that a terminal obeys; line breaks stay.

    What files say of themselves, and their names, may hold escape sequences, or turn the writing's direction.
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode() for one in text
    )


def say(message: str) -> None:
    """One line on stderr."""
    take_hint_back()
    sys.stderr.write(f"imfn: {escaped(' '.join(message.splitlines()))}\n")
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
