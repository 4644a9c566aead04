"""Frames that a live source gave while nobody took them are counted; gaps of its own are not."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from imfn_cli.media.sources import live
from imfn_cli.media.sources.dropped import DroppedFrames

STEP = 0.04


def camera(kept: list[float], buffers: int) -> Iterator[tuple[float, float, float]]:
    """A camera of 25 frames a second that holds the latest few: (shown, kept, waited) of each frame taken.

    kept: seconds for which the program is busy after each frame.
    """
    now, held, given = 0.0, [0], 0
    busy = 0.0
    for seconds in [*kept, 0.0]:
        waited = 0.0
        while not held:
            given += 1
            waited, now = given * STEP - now, given * STEP
            held.append(given)
        yield held.pop(0) * STEP, busy, waited
        busy, now = seconds, now + seconds
        while (given + 1) * STEP <= now:
            given += 1
            if len(held) < buffers:
                held.append(given)


@pytest.mark.parametrize("buffers", [1, 4])
def test_a_program_that_is_too_slow(buffers: int) -> None:
    """All that are missing are counted, however many the camera holds."""
    count, shown = DroppedFrames(STEP), []
    total = 0
    for time, kept, waited in camera([0.001] * 20 + [0.13] * 100 + [0.001] * 20, buffers):
        total += count(time, kept, waited)
        shown.append(round(time / STEP))
    missing = shown[-1] + 1 - len(shown)
    assert missing > 150
    assert total == missing


def test_a_program_that_is_quick_enough() -> None:
    count = DroppedFrames(STEP)
    assert sum(count(*frame) for frame in camera([0.03] * 200, 1)) == 0


def test_gaps_that_are_the_sources_own() -> None:
    """Cameras give fewer frames in the dark, and none for a while; whoever waits drops nothing."""
    count = DroppedFrames(STEP)
    times = np.cumsum([STEP] * 20 + [2 * STEP] * 20 + [5.0] + [3 * STEP] * 20)
    assert sum(count(time, 0.01, 0.03) for time in times) == 0
    # A gap longer than the program was busy is not all its own.
    assert count(times[-1] + 10.0, 0.13, 9.8) == 3


def test_a_rate_that_is_stated_too_high() -> None:
    """Fields, or a clock, in place of frames."""
    count = DroppedFrames(STEP / 2)
    assert sum(count(*frame) for frame in camera([0.035] * 100, 1)) == 0


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """An address that sends what a busy reader gets of a camera: ten frames, then every third one."""
    file = tmp_path / "x.ts"
    with av.open(str(file), "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=25, options={"tune": "zerolatency", "g": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in [*range(10), *range(12, 60, 3)]:
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 4 * index, np.uint8), format="rgb24")
            picture.pts = index
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    data = file.read_bytes()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def send() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(data)

        threading.Thread(target=send, daemon=True).start()
        yield f"tcp://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("busy", [True, False])
def test_an_address_that_is_faster_than_its_reader(
    address: str, monkeypatch: pytest.MonkeyPatch, busy: bool
) -> None:
    now = [100.0]
    monkeypatch.setattr(live, "time", SimpleNamespace(monotonic=lambda: now[0]))
    sequence = live.open_live(address, input_format="mpegts")
    taken = 0
    for _ in sequence:
        taken += 1
        now[0] += 0.12 if busy else 0.001
    assert taken == 26
    # Between every two of the last sixteen, and the tenth and the first of them, two are missing.
    assert sequence.dropped == (32 if busy else 0)
