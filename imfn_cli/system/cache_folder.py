"""Where programs of this user keep what they can fetch or make again."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """imfn's cache folder, which need not exist: $IMFN_CACHE, else where this system has such folders."""
    if named := os.environ.get("IMFN_CACHE"):
        return Path(named)
    home = Path("~").expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "imfn" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "imfn"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "imfn"
