"""How kernels are compiled: on their first use, and kept on disk where that is possible."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from numba import njit
from numba.core import event

from .first_use import compiling
from .kernel_cache import KernelCache

_OWN = __name__.partition(".")[0] + "."
# What only other kernels call needs no wrappers for Python: saves a quarter of the compiler's time.
_WITHIN: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def kernel(function: Callable[..., Any]) -> Any:
    """A function that Python calls."""
    return _compiled(function)


def inner(function: Callable[..., Any]) -> Any:
    """One that other kernels call, and Python cannot."""
    return _compiled(function, **_WITHIN)


def inner_float(function: Callable[..., Any]) -> Any:
    """One that may take sums of floats in any order: the encoder's estimates."""
    return _compiled(function, **_WITHIN, fastmath=True)


def inlined(function: Callable[..., Any]) -> Any:
    """One whose code becomes that of the kernels that call it."""
    return njit(nogil=True, inline="always")(function)


def is_on_disk(dispatcher: Any) -> bool:
    """Whether a kernel was compiled before on this machine, and need not be any more."""
    cache = dispatcher._cache
    return isinstance(cache, KernelCache) and cache.holds(dispatcher.targetctx.codegen().magic_tuple())


class _Watch(event.Listener):
    """Numba says when it compiles, and nothing where it reads what it has compiled before."""

    def on_start(self, event: event.Event) -> None:
        if getattr(event.data["dispatcher"].py_func, "__module__", "").startswith(_OWN):
            compiling()

    def on_end(self, event: event.Event) -> None:
        pass


event.register("numba:compile", _Watch())


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    dispatcher = njit(nogil=True, **options)(function)
    # RuntimeError: neither beside the module nor in the user's cache folder can anything be written.
    with suppress(RuntimeError):
        # What `cache=True` does, with a cache that fails in silence.
        dispatcher._cache = KernelCache(function)
    return dispatcher
