"""Sources that are read once, as they come: standard input, cameras, network addresses, named pipes.

Three clocks keep a source that falls silent from blocking the program. `open_live` gives up when the first
frame takes too long. Whoever iterates gives up after `Sequence.timeout` seconds without a frame, which covers
sources in which a read cannot be interrupted (pipes, cameras). FFmpeg has the same limit, so that no thread
stays behind in a network read.
"""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from fractions import Fraction

import av

from ...errors import InputError
from ...system.pipes import check_stdin
from ...system.threads import interruptible
from ..problems import reading, reason
from ..sequence import DEFAULT_RATE, Frame, Sequence
from .decoding import Clock, Damage, decode, nominal_rate, video_stream
from .dropped import DroppedFrames
from .files import open_sequence
from .picture import Picture, describe
from .raw_video import RawVideo
from .reconnecting import Reconnecting
from .routes import Route, input_format_of, route_to

#: Seconds without a frame after which an address or a camera counts as lost, unless told otherwise.
TIMEOUT = 10.0


def open_live(
    source: str,
    *,
    raw: RawVideo | None = None,
    input_format: str | None = None,
    size: str | None = None,
    rate: str | float | Fraction | None = None,
    timeout: float | None = None,
    reconnect: float = 0.0,
    told: Callable[[str], None] = lambda _: None,
) -> Sequence:
    """Open a source that is read once: '-' for standard input, an address, a camera, a pipe; or a file.

    raw: the frames of a source without a container.   input_format: FFmpeg's name of a demuxer or a kind of
    device ("v4l2", "mpegts"), where the content does not tell.   size, rate: '640x480' and frames per second
    that a camera is asked for.   timeout: seconds without a frame after which the source counts as lost, 0:
    never; None: `TIMEOUT` for addresses and cameras, never for others, nor before the call that a '?listen'
    address waits for.   reconnect: seconds for which an address that is lost is opened again, see
    `Reconnecting`; 0: not at all.   told: is called with a line for each loss, by another thread.

    Waits for the first frame. Raises `InputError`.
    """
    route = route_to(source, raw, input_format, size, rate)
    if not reconnect >= 0:
        raise InputError(f"to reconnect for {reconnect:g} seconds; name a number from 0")
    if reconnect and (route is None or not route.timed or "://" not in source):
        raise InputError(f"{source}: only an address can be opened again; leave --reconnect out")
    if route is None:
        return open_sequence(source)
    seconds = (TIMEOUT if route.timed else 0.0) if timeout is None else timeout
    if not seconds >= 0:
        raise InputError(f"a timeout of {seconds:g} seconds; name a number from 0, which waits for ever")
    patience = seconds or None
    opening = None if timeout is None and route.listens else patience
    if route.url == "pipe:0":
        check_stdin("a video")
    if route.input_format is not None:
        input_format_of(route.name, route.input_format)
    first = _connected(route, opening, patience, None)
    if not reconnect:
        return first

    def again(left: float, like: LiveVideo) -> LiveVideo:
        return _connected(route, left if patience is None else min(left, patience), patience, like)

    return Reconnecting(first, again, reconnect, told)


def _connected(
    route: Route, opening: float | None, timeout: float | None, like: "LiveVideo | None"
) -> "LiveVideo":
    """A connection whose first frame is there; arguments as of `LiveVideo`. Raises `InputError`."""
    began = time.monotonic()
    try:
        return interruptible(lambda: LiveVideo(route, opening, timeout, like), opening)
    except TimeoutError as error:
        assert opening is not None
        raise stalled(route.name, opening) from error
    except InputError as error:
        # Which error FFmpeg raises when it is interrupted depends on the protocol.
        if opening is not None and time.monotonic() - began >= opening:
            raise stalled(route.name, opening) from error
        raise


def stalled(name: str, seconds: float) -> InputError:
    """The error for a source that gave no frame for so many seconds."""
    return InputError(
        f"{name}: no frame came for {seconds:g} s; check that it still sends, or wait longer with --timeout"
    )


class LiveVideo(Sequence):
    """The first video stream of a source that is read once; iterating it twice raises RuntimeError.

    Iterating raises `InputError` if the source breaks off, after the frames that came before.
    """

    def __init__(
        self,
        route: Route,
        opening: float | None = None,
        timeout: float | None = None,
        like: "LiveVideo | None" = None,
    ) -> None:
        """Waits for the first frame. Raises `InputError`.

        opening, timeout: seconds to wait for the first frame, and for each; None: no limit.
        like: an earlier connection, whose size, channels and turn the frames get.
        """
        container = route.open(opening, timeout)
        self.timeout = timeout
        # A file that is served tells its size.
        self.whole = container.size > 0
        self._container = container
        self._stream = video_stream(container, route.name, threads=0)
        # Threads that decode whole frames delay them.
        self._stream.thread_type = "SLICE"
        self._damage = Damage()
        self._frames = decode(container, self._stream, route.name, self._damage)
        try:
            self._first = next(self._frames)
            self._came = time.monotonic()
        except BaseException as error:
            container.close()
            if isinstance(error, InputError) and (remedy := route.remedy()) is not None:
                raise InputError(f"{route.name}: {remedy}") from error
            if self._damage.broke is not None and isinstance(error, InputError):
                raise self._broken(route.name, self._damage.broke) from error
            raise
        if route.timed:
            # Reading began in mid-stream: what comes before the first intra frame is no damage.
            self._damage.skipped = 0
        self._picture: Picture = Picture.of(self._first) if like is None else like._picture
        self._begun = False
        # Pipes and files wait until they are read.
        self._may_drop = route.timed and not self.whole
        info = describe(self._stream, self._first, self._picture, frame_count=None, size_bytes=0)
        if container.streams.audio:
            note = "sound left out: this source is read once; compress a file to keep it"
            info = replace(info, notes=(*info.notes, note))
        super().__init__(route.name, info)

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def frames(self) -> Generator[Frame]:
        """What iterating gives."""
        if self._begun:
            raise RuntimeError(f"{self.name} can be read only once")
        self._begun = True
        rate = nominal_rate(self._stream)
        clock = Clock(rate, self.info.time_base)
        dropped = DroppedFrames(float(1 / (rate or DEFAULT_RATE)))
        came, kept, waited = self._came, 0.0, 0.0
        convert = self._picture.converter()
        decoded = self._first
        count = 0
        try:
            while True:
                with reading(self.name, f"frame {count} cannot be converted to RGB"):
                    pixels, alpha = convert(decoded)
                self._damage.resized += (decoded.width, decoded.height) != self._picture.size
                shown = clock(decoded)
                if self._may_drop:
                    self.dropped += dropped(shown * float(self.info.time_base), kept, waited)
                yield Frame(pixels, shown, alpha)
                count += 1
                asked = time.monotonic()
                following = next(self._frames, None)
                kept, came = asked - came, time.monotonic()
                waited = came - asked
                if following is None:
                    break
                decoded = following
            if self._damage.broke is not None:
                # The error says it.
                self._damage.cut = ""
                raise self._broken(self.name, self._damage.broke)
        finally:
            self.warnings.extend((*self._damage.lines(), *clock.lines()))
            # Here, where no other thread reads: the connection ends now, not when this object is collected.
            self._frames = iter(())
            self._container.close()

    def _broken(self, name: str, error: Exception) -> InputError:
        """The error for a source that ended with `error`; `name` is for the message."""
        if isinstance(error, av.error.ExitError) and self.timeout is not None:
            return stalled(name, self.timeout)
        return InputError(f"{name}: the source broke off ({reason(error)})")

    def close(self) -> None:
        """Close the source, unless iteration has begun: that closes it at its end."""
        if not self._begun:
            self._begun = True
            self._container.close()
