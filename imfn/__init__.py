"""imfn: compress and restore image sequences with Invertible Memory Flow Networks (arXiv 2602.00535).

The same as `imfn_cli`, under the name that the package is installed by.
"""

import importlib
from typing import TYPE_CHECKING, Any

import imfn_cli
from imfn_cli import __version__ as __version__

if TYPE_CHECKING:
    from imfn_cli import *  # noqa: F403

    from . import data as data

__all__ = imfn_cli.__all__


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(imfn_cli, name)
    if name == "data":
        return importlib.import_module(f"{__name__}.data")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
