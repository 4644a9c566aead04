"""Going on with a Y4M file, all of whose frames take as many bytes."""

from pathlib import Path
from typing import BinaryIO

# Before each frame.
_MARK = b"FRAME\n"
_LONGEST_HEADER = 1 << 10


class AppendedY4m:
    """A file for a muxer to write a Y4M into: its header is dropped, frames go behind those that are there.

    done: frames that are there, but for the last, which may be cut short.
    """

    def __init__(self, path: Path, frame_bytes: int) -> None:
        """frame_bytes: of a frame's samples."""
        self._file: BinaryIO = path.open("r+b")
        header = len(self._file.readline(_LONGEST_HEADER))
        each = len(_MARK) + frame_bytes
        self.done = max(0, (self._file.seek(0, 2) - header) // each - 1)
        self._in_header = self.done > 0
        self._file.seek(header + self.done * each if self.done else 0)
        self._file.truncate()

    def write(self, data: bytes) -> int:
        """Take what the muxer writes."""
        kept = bytes(data)
        if self._in_header:
            _, end, kept = kept.partition(b"\n")
            self._in_header = not end
        self._file.write(kept)
        return len(data)

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        self._file.close()
