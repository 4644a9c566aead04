"""What runs that were killed left behind: temporary files whose names say whose they are.

A name is `.clip.HOST-PID-HEX.part.mp4`: HOST tells machines and containers that share a folder apart, PID is
the process that makes the file. Where that process is gone, the next run that writes into the folder removes
the file.
"""

import contextlib
import os
import platform
import re
import secrets
import shutil
import sys
import zlib
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

_NAME = re.compile(r"\..*\.([0-9a-f]{8})-([1-9][0-9]{0,9})-[0-9a-f]{8}\.part(\.[^.]*)?")


def temporary_name(stem: str, suffix: str = "") -> str:
    """A name that nobody else has, for a file or folder of this process."""
    return f".{stem[:40]}.{_host()}-{os.getpid()}-{secrets.token_hex(4)}.part{suffix}"


@lru_cache(maxsize=64)
def remove_leftovers(folder: Path) -> None:
    """Remove what killed runs left in `folder`; looks once."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match is None or match[1] != _host() or _runs(int(match[2])):
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    Path(entry.path).unlink()


@contextlib.contextmanager
def temporary_folder(parent: Path, stem: str) -> Iterator[Path]:
    """A folder in `parent`, which has to exist, for the block; only its owner may look into it."""
    remove_leftovers(parent)
    folder = parent / temporary_name(stem)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _host() -> str:
    """What processes that see the same process numbers have in common."""
    name = platform.node()
    with contextlib.suppress(OSError):
        name += str(Path("/proc/self/ns/pid").readlink())
    return f"{zlib.crc32(name.encode(errors='replace')):08x}"


def _runs(number: int) -> bool:
    """Whether a process of this number runs; on Windows nobody can ask without ending it."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
