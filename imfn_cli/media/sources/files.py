"""Opening files, directories and lists of images: the content decides how, not the name."""

import stat
from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from ..problems import reading
from ..sequence import Sequence
from .fingerprint import fingerprint
from .formats import HEAD_BYTES, VIDEO, Format, format_of_content, format_of_name
from .images import StillImages
from .inputs import Source, still_images
from .video import VideoSequence


def open_sequence(
    source: Source | str | Path,
    *,
    start: int = 0,
    stop: int | None = None,
    stream: int | None = None,
    audio: bool = True,
) -> Sequence:
    """Open a video, images, an animation, an array or MNIST images; frames start:stop of it (stop excluded).

    `source` is a path, or one of the sources that `expand_inputs` returns. With start > 0 times count from
    the first selected frame. stream: which of several video streams, counted from 0; None: the film among
    them. audio: whether the sound comes along (`Sequence.write_tracks`).

    Raises `InputError`, one line, if it is missing or is none of these.
    """
    if isinstance(source, Source) and not source.paths:
        raise InputError(f"{source.name}: can be read only once; save it to a file first")
    if not isinstance(source, Source):
        source = Source((Path(source),), str(source), "unknown")
    # Before anything is read: a change while it is read is one too.
    told = fingerprint(source.paths, source.name)
    sequence = _opened(source, start, stop, stream, audio)
    sequence.info = replace(sequence.info, notes=(*sequence.info.notes, *source.notes))
    sequence.told = {"source": told, "frames": [start, stop], "stream": stream, "audio": audio}
    return sequence


def _opened(source: Source, start: int, stop: int | None, stream: int | None, audio: bool) -> Sequence:
    if len(source.paths) > 1:
        return StillImages(source.paths, source.name, start=start, stop=stop)
    path, name = source.paths[0], source.name
    with reading(name, "cannot be read"):
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return StillImages(still_images(path), name, start=start, stop=stop, folder=True)
        if not stat.S_ISREG(mode):
            raise InputError(f"{name}: is not a regular file; save the stream to a file first")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    known = _format_of(path, name, head)
    if known is VIDEO:
        return VideoSequence(path, name, start=start, stop=stop, stream=stream, audio=audio)
    if stream is not None:
        raise InputError(f"{name}: has no video streams to choose from; leave --stream out")
    return known.reader(path, name, start=start, stop=stop)


def _format_of(path: Path, name: str, head: bytes) -> Format:
    """The format of a file that begins with `head`; its ending tells where that does not.

    Raises `InputError` if it is empty or plain text.
    """
    if not head:
        raise InputError(f"{name}: is empty (0 bytes); copy it again")
    known = format_of_content(head)
    if known is None and _is_text(head):
        raise InputError(f"{name}: is a text file; name a video, images or an array")
    if known is None and (named := format_of_name(path)) is not None and not named.has_mark:
        return named
    return known or VIDEO


def _is_text(head: bytes) -> bool:
    """Whether the bytes are plain text: no control characters but white space, and valid UTF-8."""
    if any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The bytes may end in the middle of a character.
        return error.start > len(head) - 4
    return True
