"""Fields to pictures: a frame that holds two moments becomes one of the first (FFmpeg's bwdif)."""

from collections import deque
from collections.abc import Iterator

import av
from av import VideoFrame
from av.filter import Graph

# Smaller pictures have no lines to fill in from.
_LEAST_WIDTH, _LEAST_HEIGHT = 3, 4


class Deinterlacer:
    """Passes frames on until one is interlaced; from there on through the filter, one for one, times kept.

    count: frames of two fields so far.
    """

    def __init__(self) -> None:
        self.count = 0
        self._graph: Graph | None = None
        self._format: tuple[int, int, str] = (0, 0, "")
        self._times: deque[int | None] = deque()

    def __call__(self, frame: VideoFrame | None) -> Iterator[VideoFrame]:
        """Frames that are ready when `frame` has come; None: those that are still to come."""
        if frame is None:
            yield from self._flushed()
            return
        interlaced = frame.interlaced_frame and (
            frame.width >= _LEAST_WIDTH and frame.height >= _LEAST_HEIGHT
        )
        self.count += interlaced
        form = (frame.width, frame.height, frame.format.name)
        if self._graph is not None and form != self._format:
            yield from self._flushed()
        if self._graph is None:
            if not interlaced:
                yield frame
                return
            self._graph, self._format = _graph_of(frame), form
        self._times.append(frame.pts)
        self._graph.push(frame)
        yield from self._ready()

    def _flushed(self) -> Iterator[VideoFrame]:
        if self._graph is not None:
            self._graph.push(None)
            yield from self._ready()
        self._graph = None

    def _ready(self) -> Iterator[VideoFrame]:
        assert self._graph is not None
        while self._times:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(frame, VideoFrame)
            # The filter counts in half ticks.
            frame.pts = self._times.popleft()
            yield frame


def _graph_of(frame: VideoFrame) -> Graph:
    graph = Graph()
    buffer = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    weave = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
    sink = graph.add("buffersink")
    buffer.link_to(weave)
    weave.link_to(sink)
    graph.configure()
    return graph
