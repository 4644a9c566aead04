"""Sound and subtitles beside the frames: packets copied unchanged from container to container.

A latent keeps them as a small file of their own, MP4 for what came from its family, else Matroska. Nothing is
decoded, and no more than a packet of each track is held.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from ..system.remote import RemotePath
from .problems import reason

if TYPE_CHECKING:
    from av.container.core import Chapter

# What players show of a file; others are about the program that wrote it.
_COMMON_TAGS = {
    "title",
    "artist",
    "album",
    "date",
    "comment",
    "description",
    "genre",
    "copyright",
    "creation_time",
}
_LOCATION = "location"
# Containers that cannot say that the film begins later than its first packet.
_WITHOUT_EDITS = {"matroska", "webm"}
# Matroska has a random number in it otherwise.
_REPRODUCIBLE = {"fflags": "+bitexact"}
_MUXERS_OF_MP4 = ("mp4", "mov", "matroska")
_MUXERS = ("matroska", "mov", "mp4")


@dataclass(frozen=True)
class Span:
    """A part of a film, in seconds of its own times; what begins at `begin` begins at 0 in the copy.

    None: no limit, and times as they are.
    """

    begin: Fraction | None = None
    end: Fraction | None = None


class TrackFile:
    """The tracks of a latent: the bytes of a container within a file, read on demand."""

    def __init__(self, path: Path | RemotePath, offset: int, size: int) -> None:
        self._path, self._offset, self._size = path, offset, size

    def window(self) -> "_Window":
        """Those bytes as a file, to be closed by the caller. Raises OSError."""
        return _Window(self._path.open("rb"), self._offset, self._size)


class OutgoingTracks:
    """The tracks of a latent on their way into an output, packet by packet beside its frames.

    span: the part that goes out.
    """

    def __init__(self, file: TrackFile, span: Span) -> None:
        """Opens the tracks. Raises FFmpeg's errors and OSError."""
        self._window = file.window()
        self._span = span
        try:
            container = av.open(self._window, "r", metadata_errors="ignore")
        except BaseException:
            self._window.close()
            raise
        assert isinstance(container, InputContainer)
        self._container = container
        self._output: OutputContainer | None = None
        self._copied: dict[int, Stream] = {}
        self._packets: Iterator[Packet[Stream]] = iter(())
        self._next: Packet[Stream] | None = None

    def __str__(self) -> str:
        names = dict.fromkeys(_codec_of(stream) for stream in tracks_of(self._container))
        return f"sound and subtitles ({', '.join(names)})"

    def add_to(self, output: OutputContainer) -> list[str]:
        """Make streams for the tracks in `output`, and give it the tags. Returns a line for what it lacks."""
        self._copied, lost = add_tracks(output, tracks_of(self._container))
        self._output = output
        output.metadata.update(common_tags(self._container.metadata))
        output.set_chapters(chapters_within(self._container, self._span))
        streams = [stream for stream in self._container.streams if stream.index in self._copied]
        if streams:
            self._packets = packets_within(self._container, streams, self._span)
        self._next = next(self._packets, None)
        return lost

    def write(self, until: Fraction | None, shift: Fraction) -> None:
        """Write the packets before the second `until` of the output (None: all), moved by `shift` seconds."""
        while self._next is not None:
            packet, tick = self._next, self._next.time_base
            assert packet.dts is not None
            if until is not None and packet.dts * tick + shift >= until:
                return
            self._mux(packet, round(shift / tick))
            self._next = next(self._packets, None)

    def _mux(self, packet: "Packet[Stream]", shift: int) -> None:
        assert self._output is not None
        assert packet.dts is not None
        packet.pts = (packet.dts if packet.pts is None else packet.pts) + shift
        packet.dts += shift
        if packet.pts + (packet.duration or 0) <= 0 and self._output.format.name in _WITHOUT_EDITS:
            # What an encoder needed to begin; there, it would move everything else.
            return
        packet.stream = self._copied[packet.stream.index]
        self._output.mux(packet)

    def close(self) -> None:
        """Close the container and the file. Safe to call twice."""
        self._container.close()
        self._window.close()


def tracks_of(container: InputContainer, *, audio: bool = True) -> list[Stream]:
    """The sound (unless not wanted) and the subtitles of a container, in order."""
    wanted = ("audio", "subtitle") if audio else ("subtitle",)
    return [stream for stream in container.streams if stream.type in wanted]


def write_tracks(path: Path, target: BinaryIO, span: Span, *, audio: bool = True) -> tuple[bool, list[str]]:
    """Copy the tracks of the film at `path` into a container of their own.

    target: a file that can be sought. Returns whether there were any, and a line for each thing left out.
    """
    with av.open(f"file:{path}", metadata_errors="ignore") as container:
        notes = []
        if not audio and container.streams.audio:
            notes.append("sound left out, as --no-audio asks")
        streams = tracks_of(container, audio=audio)
        tags = common_tags(container.metadata)
        if not streams:
            if tags or container.chapters():
                notes.append("title, chapters and other tags left out: a latent keeps them with sound only")
            return False, notes
        muxer = _muxer_for(container.format.name, streams)
        with av.open(target, "w", format=muxer, options=_REPRODUCIBLE) as copy:
            assert isinstance(copy, OutputContainer)
            copied, lost = add_tracks(copy, streams)
            notes.extend(lost)
            if not copied:
                return False, notes
            copy.metadata.update(tags)
            copy.set_chapters(chapters_within(container, span))
            notes.extend(_copy(container, copied, span, copy))
    return True, notes


def add_tracks(output: OutputContainer, streams: list[Stream]) -> tuple[dict[int, Stream], list[str]]:
    """Streams of `output` like `streams`, by index there, and a line about those that it cannot hold."""
    copied: dict[int, Stream] = {}
    lost = []
    for stream in streams:
        name = _codec_of(stream)
        try:
            if name not in output.supported_codecs:
                raise ValueError(name)
            track = output.add_stream_from_template(stream)
        except (ValueError, av.error.FFmpegError):
            kind = "sound" if stream.type == "audio" else "subtitles"
            lost.append(f"{kind} ({name}) left out: {output.format.name} cannot hold it")
            continue
        if stream.language:
            track.metadata["language"] = stream.language
        if title := stream.metadata.get("title"):
            track.metadata["title"] = title
        track.disposition = stream.disposition
        copied[stream.index] = track
    return copied, lost


def packets_within(
    container: InputContainer, streams: list[Stream], span: Span
) -> "Iterator[Packet[Stream]]":
    """Packets of the streams that lie within `span`, in the order of the file, times from its beginning on.

    Whole packets only: after a cut, sound begins up to a packet (some 20 ms) late, and in step.
    """
    for packet in container.demux(streams):
        time = packet.pts if packet.pts is not None else packet.dts
        if not packet.size or time is None:
            continue
        tick = packet.time_base
        if span.end is not None and time * tick >= span.end:
            continue
        if span.begin is not None:
            if time * tick < span.begin:
                continue
            shift = round(span.begin / tick)
            packet.pts = time - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
        if packet.dts is None:
            packet.dts = packet.pts
        yield packet


def chapters_within(container: InputContainer, span: Span) -> "list[Chapter]":
    """The chapters of which something lies within `span`, cut to it, their times from its beginning on."""
    begin = span.begin or Fraction(0)
    kept: list[Chapter] = []
    for chapter in container.chapters():
        tick = chapter["time_base"]
        assert tick is not None
        first, end = max(chapter["start"] * tick, begin), chapter["end"] * tick
        end = end if span.end is None else min(end, span.end)
        if first < end:
            start, stop = round((first - begin) / tick), round((end - begin) / tick)
            cut = {"id": len(kept), "start": start, "end": max(stop, start + 1), "time_base": tick}
            kept.append(cast("Chapter", {**cut, "metadata": chapter["metadata"]}))
    return kept


def common_tags(metadata: dict[str, str]) -> dict[str, str]:
    """The tags that players show, by their names in lower case."""
    lowered = {key.lower(): value for key, value in metadata.items()}
    return {key: value for key, value in lowered.items() if key in _COMMON_TAGS or key == _LOCATION}


def _copy(
    container: InputContainer, copied: dict[int, Stream], span: Span, copy: OutputContainer
) -> list[str]:
    streams = [stream for stream in container.streams if stream.index in copied]
    notes = []
    try:
        for packet in packets_within(container, streams, span):
            packet.stream = copied[packet.stream.index]
            copy.mux(packet)
    except av.error.FFmpegError as error:
        notes.append(f"sound is damaged ({reason(error)}); what comes before is kept")
    return notes


def _codec_of(stream: Stream) -> str:
    context = stream.codec_context
    # Decoders of other libraries have names of their own.
    return context.codec.canonical_name if context is not None else "unknown"


def _muxer_for(container_format: str, streams: list[Stream]) -> str:
    """The container that holds most of the streams, the source's family first."""
    wanted = [_codec_of(stream) for stream in streams]
    muxers = _MUXERS_OF_MP4 if "mp4" in container_format else _MUXERS
    return max(muxers, key=lambda muxer: sum(name in _held_by(muxer) for name in wanted))


def _held_by(muxer: str) -> set[str]:
    with av.open(io.BytesIO(), "w", format=muxer) as container:
        assert isinstance(container, OutputContainer)
        return container.supported_codecs


class _Window:
    """Bytes offset … offset + size of a file, as a file."""

    def __init__(self, file: BinaryIO, offset: int, size: int) -> None:
        self._file, self._offset, self._size = file, offset, size
        self._at = 0

    def read(self, count: int = -1) -> bytes:
        rest = max(self._size - self._at, 0)
        self._file.seek(self._offset + self._at)
        data = self._file.read(rest if count < 0 else min(count, rest))
        self._at += len(data)
        return data

    def seek(self, position: int, whence: int = 0) -> int:
        self._at = position + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        self._file.close()
