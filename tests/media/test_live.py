"""Sources that are read once: what FFmpeg is asked for each, and frames that a program hands over."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from imfn_cli.errors import InputError
from imfn_cli.media import GivenFrames, RawVideo, open_live
from imfn_cli.media.sources import live
from imfn_cli.media.sources.live import TIMEOUT

RGB = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


class Opened(Exception):
    """Ends `open_live` where FFmpeg would open the source."""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `av.open` was asked for, of devices too that only other systems have."""
    asked: dict[str, Any] = {}

    def note(url: str, **options: Any) -> None:
        asked.update(url=url, **options)
        raise Opened

    class Device:
        no_file = True

        def __init__(self, name: str, mode: str) -> None:
            assert mode == "r"

    monkeypatch.setattr(av, "open", note)
    monkeypatch.setattr(av, "ContainerFormat", Device)
    return asked


def asked_for(opened: dict[str, Any], source: str, **options: Any) -> tuple[str, str | None, dict[str, str]]:
    with pytest.raises(InputError, match="Opened"):
        open_live(source, **options)
    return opened["url"], opened["format"], opened["options"]


# -- cameras ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("platform", "source", "url", "form", "options"),
    [
        ("linux", "camera:0", "/dev/video0", "v4l2", {}),
        ("linux", "camera:", "/dev/video0", "v4l2", {}),
        ("linux", "camera:/dev/v4l/by-id/usb", "/dev/v4l/by-id/usb", "v4l2", {}),
        ("linux", "/dev/null", "/dev/null", "v4l2", {}),
        ("darwin", "camera:1", "1", "avfoundation", {"framerate": "30"}),
        ("darwin", "camera:FaceTime HD", "FaceTime HD", "avfoundation", {"framerate": "30"}),
        ("win32", "camera:Integrated Camera", "video=Integrated Camera", "dshow", {}),
    ],
)
def test_cameras_of_each_system(
    opened: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    source: str,
    url: str,
    form: str,
    options: dict[str, str],
) -> None:
    monkeypatch.setattr(live, "_PLATFORM", platform)
    assert asked_for(opened, source) == (url, form, options)
    assert opened["timeout"] == (TIMEOUT, TIMEOUT)
    wanted = {"video_size": "640x480", "framerate": "15"}
    assert asked_for(opened, source, size="640x480", rate=15) == (url, form, wanted)
    assert asked_for(opened, source, size="640×480", rate="30000/1001")[2]["framerate"] == "30000/1001"


def test_windows_cameras_have_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_PLATFORM", "win32")
    with pytest.raises(InputError, match="write it as 'camera:Integrated Camera'"):
        open_live("camera:0")


def test_kinds_of_devices_by_name(opened: dict[str, Any]) -> None:
    found = asked_for(opened, "0", input_format="avfoundation", size="320x240")
    assert found == ("0", "avfoundation", {"video_size": "320x240", "framerate": "30"})
    assert asked_for(opened, "/dev/null", input_format="video4linux2")[:2] == ("/dev/null", "video4linux2")


def test_a_camera_that_is_not_there() -> None:
    """FFmpeg's real reader of cameras on Linux."""
    if "video4linux2,v4l2" not in av.formats_available:
        pytest.skip("this PyAV has no cameras of Linux")
    with pytest.raises(InputError, match=r"^camera:99: this device cannot be opened \(No such file"):
        open_live("camera:99")


# -- other sources ---------------------------------------------------------------------------------------


def test_addresses_and_pipes(opened: dict[str, Any], tmp_path: Path) -> None:
    url, form, options = asked_for(opened, "rtsp://user:secret@host/stream", timeout=3)
    assert (url, form) == ("rtsp://user:secret@host/stream", None)
    assert opened["timeout"] == (3, 3)
    assert set(options) == {"analyzeduration"}
    asked_for(opened, "udp://239.0.0.1:1234")
    assert opened["timeout"] == (TIMEOUT, TIMEOUT)
    # Whoever calls may call tomorrow.
    for address in ("tcp://0.0.0.0:1234?listen", "tcp://h:1?a=1&listen=1", "srt://:1234?mode=listener"):
        asked_for(opened, address)
        assert opened["timeout"] == (None, TIMEOUT)
        asked_for(opened, address, timeout=4)
        assert opened["timeout"] == (4, 4)
    asked_for(opened, "udp://239.0.0.1:1234", timeout=0)
    assert opened["timeout"] is None
    (tmp_path / "raw").write_bytes(bytes(100))
    raw = RawVideo.parse("8x4", "gray", 10)
    assert asked_for(opened, str(tmp_path / "raw"), raw=raw) == (
        f"file:{tmp_path}/raw",
        "rawvideo",
        {"video_size": "8x4", "pixel_format": "gray", "framerate": "10"},
    )
    assert opened["timeout"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "64x48"}, "asked of a camera only"),
        ({"rate": 25}, "asked of a camera only"),
        ({"timeout": -1}, "a timeout of -1 seconds"),
        ({"timeout": float("nan")}, "a timeout of nan seconds"),
        ({"input_format": "nope"}, "no input format 'nope'"),
    ],
)
def test_what_an_address_cannot_be_asked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_live("tcp://127.0.0.1:1", **options)


@pytest.mark.parametrize("size", ["64", "0x48", "64x", "axb", "64x48x3"])
def test_sizes_that_are_none(size: str) -> None:
    with pytest.raises(InputError, match="write WIDTHxHEIGHT"):
        open_live("camera:0", size=size)


@pytest.mark.parametrize("rate", ["0", -1, "x", "1/0", 1e9, float("nan"), float("inf")])
def test_rates_that_are_none(rate: str | float) -> None:
    with pytest.raises(InputError, match="frames per second; write a number above 0"):
        live.parse_rate(rate)


def test_rates() -> None:
    assert live.parse_rate(29.97) == Fraction(2997, 100)
    assert live.parse_rate("30000/1001") == live.parse_rate(Fraction(30000, 1001)) == Fraction(30000, 1001)


# -- frames that a program hands over --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "channels"),
    [(RGB, 3), (RGB[..., 0], 1), (RGB[..., :1], 1), (np.dstack([RGB, RGB[..., :1]]), 3)],
)
def test_shapes(frame: np.ndarray, channels: int) -> None:
    frames = GivenFrames([frame, frame, frame], Fraction(10))
    info = frames.info
    assert (info.height, info.width, info.channels, info.frame_rate) == (4, 6, channels, 10)
    found = list(frames)
    assert [one.time * info.time_base for one in found] == [0, Fraction(1, 10), Fraction(2, 10)]
    assert all(one.pixels.shape == (4, 6, channels) for one in found)
    assert all(one.pixels.flags.c_contiguous for one in found)
    assert bool(info.notes) == (frame.shape[2:] == (4,))
    with pytest.raises(RuntimeError, match="only once"):
        next(iter(frames))


def test_a_buffer_may_be_filled_anew() -> None:
    def refilled() -> Iterator[np.ndarray]:
        buffer = np.empty((4, 6, 3), np.uint8)
        for value in range(5):
            buffer[:] = value
            yield buffer

    assert [int(frame.pixels[0, 0, 0]) for frame in list(GivenFrames(refilled()))] == [0, 1, 2, 3, 4]


def test_frames_are_taken_one_at_a_time() -> None:
    taken = 0

    def count() -> Iterator[np.ndarray]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield RGB

    frames = iter(GivenFrames(count()))
    for index in range(5):
        next(frames)
        assert taken == max(1, index + 1)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "there are none"),
        ([RGB.astype(float)], "frame 0 is float64"),
        ([RGB[0, 0]], r"frame 0 is uint8 of shape \(3,\)"),
        ([RGB[:0]], "frame 0 is uint8 of shape"),
        ([np.zeros((4, 6, 2), np.uint8)], "frame 0 is uint8 of shape"),
        ([RGB, RGB[:2]], r"frame 1 is of shape \(2, 6, 3\), those before of \(4, 6, 3\)"),
        ([RGB, RGB[..., :1]], "frame 1 is of shape"),
    ],
)
def test_frames_that_are_none(frames: list[np.ndarray], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        list(GivenFrames(frames))
    assert "\n" not in str(caught.value)
