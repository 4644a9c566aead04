"""Video files of any kind that FFmpeg reads, as RGB or gray frames (PyAV)."""

from collections.abc import Iterator
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from ..problems import reading
from ..selection import check_selection, nothing_selected, selected_count
from ..sequence import Frame, Sequence
from .decoding import Clock, Damage, decode, first_video_stream, nominal_rate
from .picture import Picture, describe


class VideoSequence(Sequence):
    """The first video stream of a file. The file is opened anew for each iteration."""

    def __init__(self, path: Path, name: str, *, start: int = 0, stop: int | None = None) -> None:
        """Opens `path` and decodes one frame for the format. Iterating gives the frames start:stop.

        With start > 0 times count from the first selected frame, which is shown at 0. Raises `InputError`.
        """
        check_selection(name, start, stop)
        self._path = path
        self._start = start
        self._stop = stop
        container, stream = _open(path, name, threads=1)
        with container:
            first = next(decode(container, stream, name, Damage()))
            self._picture = Picture.of(first)
            super().__init__(
                name,
                describe(
                    stream,
                    first,
                    self._picture,
                    frame_count=selected_count(stream.frames or None, start, stop),
                    size_bytes=path.stat().st_size,
                ),
            )

    def __iter__(self) -> Iterator[Frame]:
        self.warnings.clear()
        damage = Damage()
        container, stream = _open(self._path, self.name)
        with container:
            clock = Clock(nominal_rate(stream), self.info.time_base)
            convert = self._picture.converter()
            origin = 0
            count = 0
            try:
                for decoded in decode(container, stream, self.name, damage):
                    time = clock(decoded)
                    if count >= self._start:
                        if count == self._start and self._start > 0:
                            origin = time
                        with reading(self.name, f"frame {count} cannot be converted to RGB"):
                            pixels = convert(decoded)
                        damage.resized += (decoded.width, decoded.height) != self._picture.size
                        yield Frame(pixels, time - origin)
                    count += 1
                    if count == self._stop:
                        break
            finally:
                self.warnings.extend(damage.lines())
                self.warnings.extend(clock.lines())
        if count <= self._start:
            raise nothing_selected(self.name, count, self._start)


def _open(path: Path, name: str, *, threads: int = 0) -> tuple[InputContainer, VideoStream]:
    """The container and its first video stream; 0 threads means one per core. Raises `InputError`."""
    with reading(name, "is not a video or image that can be read; is it damaged or cut short?"):
        # "file:" keeps FFmpeg from taking "12:30.mp4" for a network protocol named 12.
        container = av.open(f"file:{path}", metadata_errors="ignore")
    return container, first_video_stream(container, name, threads=threads)
