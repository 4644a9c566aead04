"""The work file of an output: a lock while it is made, and what a run that was killed leaves to go on from.

clip.mp4 is made in `.clip.mp4.imfn-part`, beside which `.clip.mp4.imfn-work` says what was asked for, in its
first line; what follows is its user's. Both go when the output is there. After SIGKILL they stay: the next
run that asks for the same may go on from them, any other removes them.
"""

import contextlib
import json
import os
import shutil
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import BusyError, OutputError
from .files import write_all, writing

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_MAGIC = b"imfn work file 1 "
# The time of the part when it was about to become the output, in nanoseconds; 0 before.
_DONE_DIGITS = 20
_LONGEST_LINE = 1 << 20
# Bytes of a name, of the 255 that file systems allow, so that ours fit around it.
_LONGEST_NAME = 200
# Far behind all that is written: Windows keeps others from bytes that are locked.
_LOCKED_BYTE = 1 << 40

# Those that may be there, for `let_go`.
_open: set["WorkFile"] = set()


class WorkFile:
    """An output's work file, open and locked.

    path, part: the work file, and what becomes the output.   found: whether there is work of a run that asked
    for the same; then `file` stands where that begins. keeps_part: whether the part is of such work too.
    """

    def __init__(self, output: Path, folder: Path, told: Mapping[str, Any] | None, *, resume: bool) -> None:
        """told: by name, what the output depends on; None: nobody can go on from it.

        Raises `OutputError` if another run makes this output, or if `resume` is set and the run that was
        interrupted asked for something else.
        """
        self.output, self._told = output, told
        self.path, self.part = _work_path(output, folder), _part_path(output, folder)
        self.keeps_part = False
        self._resumable = resume and told is not None
        _open.add(self)
        try:
            with writing(output):
                self.file = _locked(self.path, output)
        except OutputError:
            _open.discard(self)
            raise
        try:
            self.found = resume and told is not None and self._same()
            if not self.found:
                self._begin()
        except OutputError:
            # What others left stays for them.
            self.file.close()
            _open.discard(self)
            raise
        except BaseException:
            self.close(remains=resume)
            raise
        self.start = self.file.tell()

    def _same(self) -> bool:
        """Whether there is work to go on from. Raises `OutputError` if that is of something else."""
        before = _told_in(self.file)
        if before is None:
            return False
        now = json.loads(json.dumps(self._told))
        for name in (*before, *now):
            if before.get(name) != now.get(name):
                raise OutputError(
                    f"{self.output}: cannot go on: {_difference(name, before.get(name), now.get(name))}; "
                    "ask for the same again, or begin anew without --resume"
                )
        return True

    def _begin(self) -> None:
        with writing(self.output):
            self.file.seek(0)
            self.file.truncate()
            write_all(self.file, _MAGIC + b"%0*d " % (_DONE_DIGITS, 0))
            write_all(self.file, json.dumps(self._told).encode() + b"\n")
            remove(self.part)

    def about_to_appear(self, part: Path | None = None) -> None:
        """Note that the part, or a file in it, which is complete, is about to become the output."""
        with writing(self.output):
            done = (part or self.part).stat().st_mtime_ns
            self.file.seek(len(_MAGIC))
            write_all(self.file, b"%0*d" % (_DONE_DIGITS, done))

    def close(self, *, remains: bool) -> None:
        """Unlock it. remains: for another run to go on from."""
        if not remains or not self.keeps_part:
            remove(self.part)
        if not remains and os.name != "nt":
            # Before others can lock it.
            self.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.file.close()
        if not remains:
            self.path.unlink(missing_ok=True)
        _open.discard(self)

    def let_go(self) -> None:
        """Close it as after an exception: what another run can go on from stays, if `resume` is set."""
        if hasattr(self, "file"):
            self.close(remains=self._resumable)
        elif self.path.is_file() and self.path.stat().st_size == 0:
            # Made, and not yet locked or written to.
            self.path.unlink(missing_ok=True)


@contextlib.contextmanager
def work_on(
    output: Path, told: Mapping[str, Any] | None = None, *, resume: bool = False, folder: Path | None = None
) -> Iterator[WorkFile]:
    """Lock `output` for the block, and take up what an interrupted run left if `resume` is set.

    folder: where the files are; beside the output unless given. After an exception they go as well, unless
    `resume` is set. See `WorkFile`.
    """
    work = WorkFile(output, folder or output.parent, told, resume=resume)
    try:
        yield work
    except BaseException:
        work.let_go()
        raise
    work.close(remains=False)


def let_go() -> None:
    """Tidy up what no block did: a signal may come between any two instructions, before a `with` begins."""
    for work in list(_open):
        work.let_go()
    _open.clear()


def unfinished(output: Path) -> bool:
    """Whether a run was interrupted before `output` was whole. What one left that had finished is removed."""
    inside = _work_path(output, output)
    if output.is_dir() and inside.exists():
        return True
    path = _work_path(output, output.parent)
    try:
        with path.open("rb") as file:
            done = file.read(len(_MAGIC) + _DONE_DIGITS)[len(_MAGIC) :]
        if not output.exists() or int(done or 0) != output.stat().st_mtime_ns:
            return True
        path.unlink()
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    return False


def is_ours(path: Path) -> bool:
    """Whether a file is a work file or a part, by its name."""
    return path.name.startswith(".") and path.name.endswith((".imfn-work", ".imfn-part"))


def remove(path: Path) -> None:
    """Remove a file or a directory with all in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _work_path(output: Path, folder: Path) -> Path:
    return folder / f".{_short(output.name)}.imfn-work"


def _part_path(output: Path, folder: Path) -> Path:
    return folder / f".{_short(output.name)}.imfn-part"


def _short(name: str) -> str:
    data = os.fsencode(name)
    return name if len(data) <= _LONGEST_NAME else f"{name[:40]}-{zlib.crc32(data):08x}"


def _told_in(file: BinaryIO) -> dict[str, Any] | None:
    """What the first line says; None where there is none that is whole."""
    file.seek(0)
    line = file.readline(_LONGEST_LINE)
    if not line.startswith(_MAGIC) or not line.endswith(b"\n"):
        return None
    try:
        told = json.loads(line[len(_MAGIC) + _DONE_DIGITS :])
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _difference(name: str, before: object, now: object) -> str:
    if name == "source":
        return "the source has changed since the run that was interrupted"
    if len(f"{before}{now}") > 60:
        return f"the run that was interrupted had another {name}"
    return f"the run that was interrupted had {name} {before}, not {now}"


def _locked(path: Path, output: Path) -> BinaryIO:
    """The file, made if it is not there, not buffered: what was written is with the system."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        file = os.fdopen(descriptor, "r+b", buffering=0)
        try:
            if not _lock(descriptor):
                raise BusyError(
                    f"{output}: another run is making it; wait for its end, or choose another name with -o"
                )
            # Whoever held it may have removed it meanwhile.
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return file
        except OutputError:
            file.close()
            raise
        except BaseException:
            if os.fstat(descriptor).st_size == 0:
                path.unlink(missing_ok=True)
            file.close()
            raise
        file.close()


def _lock(descriptor: int) -> bool:
    """Whether nobody else holds the lock; it goes with the process, however that ends."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        # A file system without locks.
        return True
    return True
