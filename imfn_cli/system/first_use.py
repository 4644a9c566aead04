"""Telling that kernels are being compiled, which happens once for each machine and version."""

from collections.abc import Callable

_tell: Callable[[], None] | None = None


def when_compiling(tell: Callable[[], None]) -> None:
    """Have `tell` called when the first kernel is compiled that is not on disk yet; once."""
    global _tell
    _tell = tell


def compiling() -> None:
    """A kernel is being compiled."""
    global _tell
    told, _tell = _tell, None
    if told is not None:
        told()
