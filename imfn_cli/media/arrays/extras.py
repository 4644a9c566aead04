"""Libraries that come with `imfn[arrays]`."""

import importlib
from typing import Any

from ...errors import InputError


def needed(module: str, name: str) -> Any:
    """The library, loaded. Raises `InputError` where it is not installed. name: of what needs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"{name}: needs {module}; pip install 'imfn[arrays]'") from error
