"""Cameras by FFmpeg's name for them on each system."""

import stat
import sys
from pathlib import Path

from ...errors import InputError

#: What stands before a camera's number or name, the same on every system.
CAMERA = "camera:"
#: The system whose cameras are meant, as `sys.platform` names it.
PLATFORM = sys.platform


def camera(source: str) -> tuple[str, str] | None:
    """FFmpeg's kind of device and its name for a camera; None if `source` names none.

    'camera:0' is the first one: v4l2 '/dev/video0' on Linux, avfoundation '0' on macOS; on Windows they have
    names, 'camera:Integrated Camera' (dshow). A character device, '/dev/video0', is a camera too. Raises
    `InputError` for a number on Windows.
    """
    if not source.startswith(CAMERA):
        try:
            return ("v4l2", source) if stat.S_ISCHR(Path(source).stat().st_mode) else None
        except (OSError, ValueError):
            return None
    which = source.removeprefix(CAMERA) or "0"
    if PLATFORM == "darwin":
        return "avfoundation", which
    if PLATFORM == "win32":
        if which.isdecimal():
            raise InputError(
                f"{source}: cameras have names on Windows; write it as 'camera:Integrated Camera'"
            )
        return "dshow", f"video={which}"
    return "v4l2", f"/dev/video{which}" if which.isdecimal() else which
