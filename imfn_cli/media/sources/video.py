"""Video files of any kind that FFmpeg reads, as RGB or gray frames (PyAV)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import av
from av import VideoFrame
from av.container import InputContainer
from av.video.stream import VideoStream

from ..pixels import ValueRange, joined_range
from ..problems import reading
from ..selection import check_selection, nothing_selected, selected_count
from ..sequence import DEFAULT_RATE, Frame, Sequence, SequenceInfo
from ..tracks import Span, write_tracks
from .container_bytes import container_notes
from .decoding import Clock, Damage, decode, nominal_rate, streams_note, video_stream
from .picture import Picture, describe, measured_samples


class VideoSequence(Sequence):
    """A video stream of a file. The file is opened anew for each iteration."""

    def __init__(
        self,
        path: Path,
        name: str,
        *,
        start: int = 0,
        stop: int | None = None,
        stream: int | None = None,
        audio: bool = True,
    ) -> None:
        """Opens `path` and decodes one frame for the format. Iterating gives the frames start:stop.

        stream: its number among the video streams; None: the one that is most likely the film.
        audio: whether `write_tracks` copies the sound.
        With start > 0 times count from the first selected frame, which is shown at 0. Measurements of more
        than 8 bits are all decoded once, for their range. Raises `InputError`.
        """
        check_selection(name, start, stop)
        self._path = path
        self._start, self._stop = start, stop
        self._wanted, self._audio = stream, audio
        self._span = Span()
        container, chosen = self._open(name)
        with container:
            first = next(decode(container, chosen, name, Damage()))
            value_range = self._range(name) if measured_samples(first) is not None else None
            self._picture = replace(Picture.of(first), value_range=value_range)
            info = describe(
                chosen,
                first,
                self._picture,
                frame_count=selected_count(chosen.frames or None, start, stop),
                size_bytes=path.stat().st_size,
            )
            with reading(name, "cannot be read"):
                notes = (*streams_note(container, chosen), *container_notes(path, container.format.name))
            super().__init__(name, replace(info, notes=(*info.notes, *notes)))

    def __iter__(self) -> Iterator[Frame]:
        return self.after(0)

    def after(self, count: int) -> Iterator[Frame]:
        """See `Sequence.after`: those before are decoded, since later ones need them, but not converted."""
        wanted = self._start + count
        self.warnings.clear()
        damage = Damage()
        container, stream = self._open(self.name)
        with container:
            clock = Clock(nominal_rate(stream), self.info.time_base)
            convert = self._picture.converter()
            origin = number = time = 0
            decoded: VideoFrame | None = None
            whole = True
            try:
                for decoded in decode(container, stream, self.name, damage):
                    time = clock(decoded)
                    if number >= self._start:
                        if number == self._start and self._start > 0:
                            origin = time
                        damage.resized += (decoded.width, decoded.height) != self._picture.size
                    if number >= wanted:
                        with reading(self.name, f"frame {number} cannot be converted to RGB"):
                            pixels, alpha = convert(decoded)
                        yield Frame(pixels, time - origin, alpha)
                    number += 1
                    if number == self._stop:
                        whole = False
                        break
            finally:
                self.warnings.extend(damage.lines())
                self.warnings.extend(clock.lines())
            if decoded is not None and not damage.cut and not damage.lost_at_end:
                last = _last_ticks(stream, decoded, time) if whole else decoded.duration
                step = self.info.time_base
                self._span = Span(
                    origin * step if self._start else None,
                    None if whole else (time + (last or _nominal(self.info))) * step,
                )
                self.info = replace(self.info, last_ticks=last or None)
        if number <= self._start:
            raise nothing_selected(self.name, number, self._start)

    def count(self) -> int | None:
        """See `Sequence.count`: packets are counted where the container does not say."""
        if self.info.frame_count is not None:
            return self.info.frame_count
        container, stream = self._open(self.name)
        with container, reading(self.name, "cannot be read"):
            packets = sum(1 for packet in container.demux(stream) if packet.size)
        return selected_count(packets, self._start, self._stop)

    def write_tracks(self, target: BinaryIO) -> bool:
        """See `Sequence.write_tracks`."""
        with reading(self.name, "its sound cannot be read; leave it out with --no-audio"):
            found, notes = write_tracks(self._path, target, self._span, audio=self._audio)
        self.warnings.extend(notes)
        return found

    def _range(self, name: str) -> ValueRange | None:
        """The range of all samples, decoded one frame at a time."""
        value_range: ValueRange | None = None
        container, stream = self._open(name)
        with container:
            for frame in decode(container, stream, name, Damage()):
                samples = measured_samples(frame)
                if samples is not None:
                    value_range = joined_range(value_range, samples)
        return value_range

    def _open(self, name: str) -> tuple[InputContainer, VideoStream]:
        """The container and its video stream. Raises `InputError`."""
        with reading(name, "is not a video or image that can be read; is it damaged or cut short?"):
            # "file:" keeps FFmpeg from taking "12:30.mp4" for a network protocol named 12.
            container = av.open(f"file:{self._path}", metadata_errors="ignore")
        return container, video_stream(container, name, wanted=self._wanted)


def _nominal(info: SequenceInfo) -> int:
    """How long a frame is shown, as the rate says, in ticks."""
    return round(1 / ((info.frame_rate or DEFAULT_RATE) * info.time_base))


def _last_ticks(stream: VideoStream, last: VideoFrame, time: int) -> int:
    """How long the last frame, shown at `time`, is shown; 0 where nothing says so."""
    if stream.duration and last.pts == time:
        # Durations of packets count in the order of decoding, so that the last frame's need not be its own.
        return max((stream.start_time or 0) + stream.duration - time, 0)
    return last.duration or 0
