"""How much address space is left to this process, where that is limited (`ulimit -v`)."""

import importlib.util
import sys
from contextlib import suppress
from pathlib import Path

from ..errors import LimitError

# What numba loads before the first kernel where SciPy is installed, and its OpenBLAS allocates then.
_SCIPY_BYTES = 128 << 20


def check_room_for_scipy() -> None:
    """Raise `LimitError` where numba is about to load SciPy, and there is no room for it.

    SciPy's OpenBLAS asks for memory again and again while it is being loaded, for ever if it gets none.
    """
    if "scipy.linalg" in sys.modules:
        return
    left = bytes_left()
    if left is not None and left < _SCIPY_BYTES and importlib.util.find_spec("scipy") is not None:
        raise LimitError(
            f"{left / 1e6:.0f} MB of address space are left, too few to load what compiles kernels; "
            f"raise ulimit -v by {(_SCIPY_BYTES - left) // 1024 + 1}"
        )


def bytes_left() -> int | None:
    """Address space that is left; None where it is not limited, or not known."""
    with suppress(ImportError, OSError, ValueError, IndexError):
        # Not on Windows.
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit == resource.RLIM_INFINITY:
            return None
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        return max(0, limit - pages * resource.getpagesize())
    return None
