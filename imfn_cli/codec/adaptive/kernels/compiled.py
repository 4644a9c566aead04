"""How kernels are compiled: on their first use, and kept on disk."""

from typing import Any

from numba import njit

_WITHIN: dict[str, Any] = {"cache": True, "nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
#: A function that Python calls.
kernel = njit(cache=True, nogil=True)
#: One that other kernels call, and Python cannot: saves a quarter of the compiler's time.
inner = njit(**_WITHIN)
#: One that may take sums of floats in any order: the encoder's estimates.
inner_float = njit(**_WITHIN, fastmath=True)
