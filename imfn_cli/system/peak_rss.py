"""Resident memory (RSS) of this process, in MB (10^6 bytes): now, the largest seen, the peak of a part.

Linux tells all of it in /proc; elsewhere only the peak since the process began is known, or nothing.
"""

import contextlib
import ctypes
import gc
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

# Frames from one look at the resident memory to the next.
_LOOK_EVERY = 64


class PeakRss:
    """`with PeakRss() as peak: …`, then `peak.megabytes`: peak resident memory above that at the start.

    None where the system cannot tell the peak of a part of a process: only Linux can.
    """

    megabytes: float | None = None
    _before: int | None = None

    def __enter__(self) -> Self:
        gc.collect()
        with contextlib.suppress(OSError, AttributeError, TypeError):
            # What was freed goes back to the system, so that using it again counts.
            ctypes.CDLL(None).malloc_trim(0)
        with contextlib.suppress(OSError):
            # 5: set the high-water mark to what is resident now.
            Path("/proc/self/clear_refs").write_text("5")
            self._before = _status("VmRSS")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None and kind is None:
            self.megabytes = max(0, _status("VmHWM") - self._before) / 1e6


class LargestRss:
    """Resident memory of endless work, looked at now and then.

    largest: the largest that was seen, in MB; None while or where it is not known.
    """

    def __init__(self) -> None:
        self._now: float | None = None
        self.largest: float | None = None

    def look(self, frame: int) -> float | None:
        """Resident memory in MB at about this frame."""
        if self._now is None or frame % _LOOK_EVERY == 1:
            self._now = resident_megabytes()
            if self._now is not None:
                self.largest = max(self.largest or 0.0, self._now)
        return self._now


def resident_megabytes() -> float | None:
    """This process's resident memory in MB: now on Linux, its peak elsewhere, None where unknown."""
    if resource is None:
        return None
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError):
        return peak_megabytes(resource.getrusage(resource.RUSAGE_SELF))
    return pages * resource.getpagesize() / 1e6


def own_peak_megabytes() -> float | None:
    """Peak resident memory of this process in MB since it began, None where unknown.

    On Linux the high-water mark, which knows nothing of the parent (see `peak_megabytes`).
    """
    try:
        return _status("VmHWM") / 1e6
    except OSError:
        return None if resource is None else peak_megabytes(resource.getrusage(resource.RUSAGE_SELF))


def peak_megabytes(usage: Any) -> float:
    """Peak resident memory in MB that a `resource.struct_rusage` tells, of `os.wait4` for instance.

    Linux counts a child as large as its parent was when it was started.
    """
    # Linux counts in KiB, macOS in bytes.
    return float(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6)


def _status(name: str) -> int:
    """A field of /proc/self/status in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
