"""A video as an array of its own samples, read from front to back."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.video.stream import VideoStream

from ..arrays.source import About, Array, ArraySource
from ..problems import reading
from .container_bytes import container_notes
from .decoding import Damage, decode_as_coded, nominal_rate, streams_note, video_stream
from .sampler import Sampler

_REMEDY = "'ffmpeg -i {name} -pix_fmt {format} -c:v ffv1 rgb.mkv'"


class VideoArray(ArraySource):
    """The frames of a video stream as they are decoded: not turned, not deinterlaced.

    (T, H, W) gray or (T, H, W, C) RGB, with alpha last; uint8, or uint16 little-endian.
    """

    def __init__(self, path: Path, name: str, *, stream: int | None = None, exact: bool = False) -> None:
        """Decodes the whole stream once, since few containers say how many frames come out of it.

        stream: its number among the video streams; None: the one that is most likely the film.
        exact: refuse what cannot be taken sample by sample, where RGB would be made of it.
        Raises `InputError`.
        """
        self._path, self._wanted = path, stream
        self._frames: Iterator[VideoFrame] | None = None
        self._at = 0
        container, chosen = self._open(name)
        damage = Damage()
        count, woven = 0, 0
        sampler: Sampler | None = None
        with container:
            beside = [*container.streams.audio, *container.streams.subtitles]
            about: About = {"rate": str(nominal_rate(chosen) or 25)}
            turned = False
            for frame in decode_as_coded(container, chosen, name, damage):
                if sampler is None:
                    deep = max((one.bits for one in frame.format.components), default=8) > 8
                    remedy = _REMEDY.format(name=path.name, format="gbrp16le" if deep else "gbrp")
                    sampler = Sampler(frame, name, exact=exact, remedy=remedy)
                    turned = frame.side_data.get("DISPLAYMATRIX") is not None
                count += 1
                woven += bool(frame.interlaced_frame)
            assert sampler is not None  # no frame at all raises
            notes = [sampler.note] if sampler.note else []
            notes += damage.lines()
            notes += streams_note(container, chosen)
            with reading(name, "cannot be read"):
                notes += container_notes(path, container.format.name)
        if woven:
            notes.append(f"interlaced: {woven} frames are kept as coded, two fields in each")
        if turned:
            notes.append("frames are kept as coded, without the turn that the file asks for")
        if beside:
            notes.append("sound and subtitles left out: this latent is of samples alone")
        self._sampler = sampler
        super().__init__(
            *(name, (count, *sampler.shape), sampler.dtype, path.stat().st_size),
            kind="video",
            axes=f"T{sampler.axes}",
            frame_axes=len(sampler.shape),
            about={**about, "pixel_format": sampler.pixel_format},
            notes=tuple(notes),
        )

    def read(self, start: int, stop: int) -> Array:
        """See `ArraySource.read`. Frames before those that were read last are decoded anew."""
        if self._frames is None or start < self._at:
            self.close()
            self._frames = self._decoded()
        found = np.empty((stop - start, *self.frame_shape), self.dtype)
        # What changed since it was counted has fewer frames.
        with reading(self.name, "has changed while it was read, or cannot be decoded as before"):
            while self._at < stop:
                frame = next(self._frames, None)
                if frame is None:
                    raise EOFError(f"ends at frame {self._at}")
                if self._at >= start:
                    found[self._at - start] = self._samples(frame)
                self._at += 1
        return found

    def _samples(self, frame: VideoFrame) -> Array:
        with reading(self.name, f"frame {self._at} cannot be part of an array"):
            return self._sampler(frame)

    def _decoded(self) -> Iterator[VideoFrame]:
        container, stream = self._open(self.name)
        with container:
            yield from decode_as_coded(container, stream, self.name, Damage())

    def _open(self, name: str) -> tuple[InputContainer, VideoStream]:
        with reading(name, "is not a video that can be read; is it damaged or cut short?"):
            container = av.open(f"file:{self._path}", metadata_errors="ignore")
        return container, video_stream(container, name, wanted=self._wanted)

    def close(self) -> None:
        frames, self._frames, self._at = self._frames, None, 0
        if frames is not None:
            frames.close()  # type: ignore[attr-defined]
