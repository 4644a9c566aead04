"""The packages of the extra `eval`: looked for before the work begins, loaded when they are needed."""

from importlib.util import find_spec

from ..errors import ImfnError

#: Package as imported → what it gives.
PACKAGES = {"pytorch_msssim": "SSIM and MS-SSIM", "matplotlib": "plots"}


def installed(package: str) -> bool:
    """Whether one of `PACKAGES` is there."""
    return find_spec(package) is not None


def left_out(*packages: str) -> str | None:
    """What is left out because some of `packages` are missing, one line with the remedy; None: nothing."""
    lacking = [PACKAGES[package] for package in packages if not installed(package)]
    return f"without {' and '.join(lacking)}; pip install 'imfn[eval]'" if lacking else None


def require(package: str) -> None:
    """Raise `ImfnError`, one line with the remedy, unless `package` is installed."""
    if not installed(package):
        raise ImfnError(f"{PACKAGES[package]} need the package {package}; pip install 'imfn[eval]'")
