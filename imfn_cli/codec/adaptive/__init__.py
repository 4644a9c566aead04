"""An adaptive forest (`-r auto`): each 16×16 block of a GOP is cut into windows of 1 to 64 frames. A draft.

Its kernels are compiled by numba, which comes with `pip install 'imfn[adaptive]'`.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ...errors import ImfnError
from ...system.lazy import lazy_attributes

if TYPE_CHECKING:
    from .compress import compress_adaptive
    from .fitting import fit_adaptive_tables
    from .restore import adaptive_frames, check_gops, frame_and_windows, shares_of

__all__ = [
    "adaptive_frames",
    "check_gops",
    "compress_adaptive",
    "fit_adaptive_tables",
    "frame_and_windows",
    "shares_of",
]

_attribute, __dir__ = lazy_attributes(
    __name__,
    {
        "compress": ("compress_adaptive",),
        "fitting": ("fit_adaptive_tables",),
        "restore": ("adaptive_frames", "check_gops", "frame_and_windows", "shares_of"),
    },
)


def __getattr__(name: str) -> Any:
    if name in __all__ and find_spec("numba") is None:
        raise ImfnError("an adaptive forest needs the package numba; pip install 'imfn[adaptive]'")
    return _attribute(name)
