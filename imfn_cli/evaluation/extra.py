"""The packages of the extra `eval`: asked for before the work begins, loaded when they are needed."""

from importlib.util import find_spec

from ..errors import ImfnError

#: Package as imported → what needs it.
PACKAGES = {
    "pytorch_msssim": "SSIM and MS-SSIM need",
    "bjontegaard": "BD-rate needs",
    "matplotlib": "plots need",
}


def require(*packages: str) -> None:
    """Raise `ImfnError`, one line with the remedy, unless all `packages` are installed."""
    for package in packages:
        if find_spec(package) is None:
            raise ImfnError(f"{PACKAGES[package]} the package {package}; pip install 'imfn[eval]'")
