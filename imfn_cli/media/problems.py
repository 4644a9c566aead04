"""Failures of the system and of the media libraries as one line for the user."""

import contextlib
import errno
import os
from collections.abc import Iterator

import av

from ..errors import ImfnError, InputError, OutputError
from ..system import files


def reason(error: BaseException) -> str:
    """Why `error` happened, on one line: in the system's words where it has some."""
    if isinstance(error, av.error.FFmpegError | OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


@contextlib.contextmanager
def reading(name: str, what: str) -> Iterator[None]:
    """Raises `InputError`, "name: what (reason)", for anything that goes wrong while reading `name`.

    Decoders raise nearly every type of exception on damaged files (ValueError, SyntaxError, struct.error,
    zlib.error, ...), so the block catches everything; it should hold nothing but calls into the decoder.
    """
    try:
        yield
    except ImfnError:
        raise
    except OSError as error:
        # A plain system error (no permission, disk failure) says it all; the file is not damaged.
        if error.errno in (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EIO, errno.EISDIR, errno.EMFILE):
            remedy = (
                "check the name" if error.errno == errno.ENOENT else "make it readable, or name another file"
            )
            raise InputError(f"{name}: {os.strerror(error.errno)}; {remedy}") from error
        raise InputError(f"{name}: {what} ({reason(error)})") from error
    except Exception as error:
        raise InputError(f"{name}: {what} ({reason(error)})") from error


@contextlib.contextmanager
def writing(name: str) -> Iterator[None]:
    """Raises `OutputError` for errors of the system and of the encoder while writing `name`."""
    try:
        with files.writing(name):
            yield
    except BrokenPipeError:
        raise
    except OverflowError as error:
        raise OutputError(
            f"{name}: cannot be written (a time is beyond what the format holds); write .npy or images"
        ) from error
    except av.error.FFmpegError as error:
        raise OutputError(f"{name}: cannot be written ({reason(error)})") from error
