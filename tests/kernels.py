"""Kernels that only kernels call, made callable for tests."""

from collections.abc import Callable
from typing import Any


def from_python(kernel: Callable[..., Any]) -> Any:
    """The same function, with what Python needs to call it."""
    from numba import njit

    return njit(lambda *args: kernel(*args))
