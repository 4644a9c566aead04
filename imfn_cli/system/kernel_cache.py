"""Compiled kernels on disk: they spare the compiler, and no trouble with them stops a command."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache

from ..version import __version__
from .address_space import check_room_for_scipy


class KernelCache(FunctionCache):
    """Numba's cache of one function. What cannot be read is compiled, what cannot be written is not kept.

    Raises RuntimeError where no folder takes files.
    """

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        # Numba compares the function's own file, not those of the kernels that it calls: after an update of
        # the package it would run old ones.
        self._cache_file._source_stamp = (self._cache_file._source_stamp, __version__)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was compiled before for these types; None where it is not there, or damaged.

        Raises `LimitError` where there is no address space for what numba loads here, the first time.
        """
        check_room_for_scipy()
        try:
            return super().load_overload(sig, target_context)
        except Exception:
            # Whatever damaged bytes make of pickle, or a folder that may not be read.
            self._forget()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled, unless the disk is full or the folder is not to be written."""
        try:
            super().save_overload(sig, data)
        except OSError:
            # The index is written first: it may name a file of an older version now.
            self._forget()

    def holds(self, target: Any) -> bool:
        """Whether something is kept that was compiled for this machine: what Numba calls its magic tuple."""
        try:
            return any(target in key for key in self._cache_file._load_index())
        except Exception:
            return False

    def _forget(self) -> None:
        """Remove the index, without which no other file is read."""
        with suppress(OSError):
            Path(self._cache_file._index_path).unlink()
