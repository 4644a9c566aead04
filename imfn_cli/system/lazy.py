"""Package attributes that are imported on first use (PEP 562), so that importing a room costs nothing."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_attributes(
    package: str, modules: Mapping[str, tuple[str, ...]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package whose public names come from its modules.

    package: the package's `__name__`.   modules: module below the package ("encoder") → names that it has.

        __getattr__, __dir__ = lazy_attributes(__name__, {"encoder": ("compress_sequence",)})

    Say the same names in an `if TYPE_CHECKING:` block, where type checkers and import-linter read them.
    """
    homes = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    return get, lambda: sorted({*vars(sys.modules[package]), *homes})
