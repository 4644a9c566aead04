"""Sources that are read once: what FFmpeg is asked for each."""

from pathlib import Path
from typing import Any

import av
import pytest

from imfn_cli.errors import InputError
from imfn_cli.media import RawVideo, open_live
from imfn_cli.media.sources import cameras
from imfn_cli.media.sources.live import TIMEOUT


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
    monkeypatch.setattr(cameras, "PLATFORM", platform)
    assert asked_for(opened, source) == (url, form, options)
    assert opened["timeout"] == (TIMEOUT, TIMEOUT)
    wanted = {"video_size": "640x480", "framerate": "15"}
    assert asked_for(opened, source, size="640x480", rate=15) == (url, form, wanted)
    assert asked_for(opened, source, size="640×480", rate="30000/1001")[2]["framerate"] == "30000/1001"


def test_windows_cameras_have_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras, "PLATFORM", "win32")
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
