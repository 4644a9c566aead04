"""The report page: what is inside the file, and what headless Chromium makes of it."""

import base64
import fcntl
import io
import itertools
import json
import math
import os
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imfn_cli.errors import OutputError
from imfn_cli.evaluation import report
from imfn_cli.evaluation.page_pictures import ClipPictures, FramePicture
from imfn_cli.evaluation.report import PageLimits, write_report

AWKWARD = '</script><b>x & "y" <!-- @EXTRAS@ \u2028.mp4'
METRICS = ["psnr_rgb", "psnr_yuv", "psnr_y", "ssim", "ms_ssim"]
FIELDS = [*METRICS, "bytes", "bits_per_pixel", "compress_fps", "restore_fps", "peak_memory_mb"]


# -- documents and pictures made up --------------------------------------------------------------------------


def make_row(
    clip: str, codec: str, rng: np.random.Generator, *, frames: int = 40, **fields: Any
) -> dict[str, Any]:
    """A row whose quality falls with ratio, CRF and lower quality as a codec's would."""
    ratio, quality, crf = fields.get("ratio") or 1, fields.get("quality"), fields.get("crf")
    strength = 50 - (quality if quality is not None else 100) if codec == "imfn" else (crf or 30) * 1.6
    psnr = 44 - 3.2 * math.log2(ratio) - 0.06 * (strength + 50)
    bits = None if fields.get("float") else 2.4 / ratio**0.8 * 2 ** (-(strength + 50) / 30)
    per_frame = (
        psnr + np.cumsum(rng.normal(0, 0.15, frames)) + 0.4 * np.sin(np.arange(frames) * math.pi / ratio)
    )
    mean = float(per_frame.mean())
    loss = 10 ** (-mean / 22)
    row: dict[str, Any] = {
        "clip": clip,
        "codec": codec,
        "label": f"imfn {ratio}:1" if codec == "imfn" else f"{codec} medium",
        "model": "ucf101" if codec == "imfn" else None,
        "ratio": None,
        "quality": None,
        "float": False,
        "student": False,
        "crf": None,
        "options": f"-r {ratio} " + ("--float" if quality is None else f"-q {quality}")
        if codec == "imfn"
        else f"preset=medium crf={crf}",
        "frames": frames,
        "psnr_rgb": mean,
        "psnr_yuv": mean + 1.2,
        "psnr_y": mean + 0.7,
        "ssim": 1 - loss,
        "ms_ssim": 1 - loss / 3,
        "bytes": None if bits is None else int(bits * frames * 320 * 240 / 8),
        "bits_per_pixel": bits,
        "compress_fps": 41.5,
        "restore_fps": 38.25,
        "peak_memory_mb": 612.0,
        "psnr_per_frame": per_frame.tolist(),
    }
    return row | fields


def make_document(
    clips: tuple[str, ...] = (
        "Biking.avi",
        AWKWARD,
        "a/long/folder/with_a_very_long_name_that_does_not_wrap_at_all.mp4",
    ),
    ratios: tuple[int, ...] = (4, 8, 16, 32),
    qualities: tuple[int, ...] = (20, 50, 80),
    peers: tuple[str, ...] = ("x264", "x265", "av1", "vp9"),
    *,
    floats: bool = True,
    student: bool = True,
    frames: int = 40,
) -> dict[str, Any]:
    """A document as `imfn eval --json` writes it."""
    rng = np.random.default_rng(3)
    settings: list[dict[str, Any]] = []
    for ratio in ratios:
        settings += [{"codec": "imfn", "ratio": ratio, "quality": quality} for quality in qualities]
        if floats:
            settings.append(
                {"codec": "imfn", "ratio": ratio, "float": True, "label": f"imfn {ratio}:1 float"}
            )
    if student:
        settings += [{"codec": "imfn", "ratio": 16, "quality": q, "student": True} for q in qualities]
    settings += [{"codec": peer, "crf": crf} for peer in peers for crf in (18, 23, 28, 33, 38)]
    rows = [make_row(clip, rng=rng, frames=frames, **setting) for clip in clips for setting in settings]
    means = []
    for index, _ in enumerate(settings):
        gop = rows[index :: len(settings)]
        mean = {key: value for key, value in gop[0].items() if key not in ("clip", "psnr_per_frame")}
        for field in FIELDS:
            values = [row[field] for row in gop if row[field] is not None]
            mean[field] = float(np.mean(values)) if values else None
        means.append(mean)
    bd: list[dict[str, Any]] = []
    for ratio, peer, clip in itertools.product(ratios, peers, (None, *clips)):
        delta = {"clip": clip, "anchor": peer, "codec": f"imfn {ratio}:1", "note": ""}
        bd.append(delta | {"bd_rate": 12.5 * ratio - 60, "bd_psnr": 0.8 - ratio / 10, "range": [27.1, 34.9]})
        if ratio == 32:
            bd[-1] |= {
                "bd_rate": None,
                "bd_psnr": None,
                "range": None,
                "note": "the PSNR ranges do not overlap",
            }
    described = [
        {"name": clip, "frames": frames, "width": 320, "height": 240, "channels": 3, "frame_rate": 25.0}
        for clip in clips
    ]
    document = {"schema": "imfn.eval/1", "tool": "imfn 0.1.0", "clips": described}
    return document | {"rows": rows, "means": means, "bd": bd}


def make_pictures(
    clips: tuple[str, ...] = ("Biking.avi", AWKWARD), *, frames: int = 3, height: int = 48, width: int = 64
) -> list[ClipPictures]:
    """Gradients, and the same in fewer levels."""
    y, x = np.mgrid[:height, :width]
    found = []
    for clip in clips:
        shown = []
        for index in range(frames):
            original = np.stack([x * 255 // width, y * 255 // height, (x + y + 40 * index) % 256], -1)
            restored = original // 40 * 40
            shown.append(
                FramePicture(7 * index, 24.0 + index, original.astype(np.uint8), restored.astype(np.uint8))
            )
        found.append(ClipPictures(clip, "imfn 16:1 q50", shown))
    return found


class Scripts(HTMLParser):
    """The page's <script> elements: {id: text}, as a browser would cut them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._id: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._id = (dict(attrs).get("id") or "") if tag == "script" else None

    def handle_endtag(self, tag: str) -> None:
        self._id = None

    def handle_data(self, data: str) -> None:
        if self._id is not None:
            self.found[self._id] = self.found.get(self._id, "") + data


def decoded(uri: str) -> np.ndarray:
    """The pixels of a data URI."""
    kind, text = uri.split(",", 1)
    assert re.fullmatch(r"data:image/(png|jpeg);base64", kind)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


# -- the file ------------------------------------------------------------------------------------------------


def test_page_carries_the_document(tmp_path):
    path, document = tmp_path / "report.html", make_document()
    write_report(path, document, make_pictures())
    page = path.read_text(encoding="utf-8")
    scripts = Scripts(page).found
    assert set(scripts) == {"document", "extras", ""}
    inside = json.loads(scripts["document"])
    for row, same in zip(inside["rows"], document["rows"], strict=True):
        assert row.pop("psnr_per_frame") == pytest.approx(same.pop("psnr_per_frame"), abs=0.0051)
    assert inside == document
    assert json.loads(scripts["extras"])["frames_per_point"] == 1
    assert path.stat().st_size < 600_000


def test_page_escapes_names_and_asks_for_nothing_outside(tmp_path):
    path = tmp_path / "report.html"
    write_report(path, make_document(), make_pictures())
    page = path.read_text(encoding="utf-8")
    assert page.count("</script>") == 3
    assert "<b>x" not in page
    assert "<!--" not in page
    assert "\u2028" not in page
    assert not re.findall(r"https?:|//\w+\.\w+|@import|url\(\s*['\"]?(?!#)", page)
    assert "default-src 'none'" in page
    inside = json.loads(Scripts(page).found["document"])
    assert inside["clips"][1]["name"] == AWKWARD


def test_pictures_are_exact_while_they_are_few(tmp_path):
    path, pictures = tmp_path / "report.html", make_pictures()
    write_report(path, make_document(), pictures)
    extras = json.loads(Scripts(path.read_text(encoding="utf-8")).found["extras"])
    assert "exact" in extras["pictures_note"]
    for clip, shown in zip(pictures, extras["pictures"], strict=True):
        assert (shown["clip"], shown["codec"], shown["width"], shown["height"]) == (
            clip.clip,
            clip.codec,
            64,
            48,
        )
        for frame, picture in zip(clip.frames, shown["frames"], strict=True):
            index, psnr, original, restored = frame
            assert (picture["index"], picture["psnr"]) == (index, psnr)
            np.testing.assert_array_equal(decoded(picture["original"]), original)
            np.testing.assert_array_equal(decoded(picture["restored"]), restored)


def test_pictures_stay_within_their_budget():
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    frames = [(index, 20.0 + index, noise, noise) for index in range(6)]
    pictures = [ClipPictures(name, "imfn", frames) for name in ("a", "b")]
    counts = []
    for budget in (600_000, 180_000, 1):
        page = report.render(make_document(), pictures, PageLimits(picture_bytes=budget))
        extras = json.loads(Scripts(page).found["extras"])
        shown = [[frame["index"] for frame in clip["frames"]] for clip in extras["pictures"]]
        counts.append(len(shown[0]))
        assert shown == [list(range(counts[-1]))] * 2
        assert "JPEG" in extras["pictures_note"]
        assert (f"Only {counts[-1]} of 6" in extras["pictures_note"]) == (counts[-1] < 6)
        size = sum(len(f["original"] + f["restored"]) for clip in extras["pictures"] for f in clip["frames"])
        assert size <= budget or counts[-1] == 1
        assert decoded(extras["pictures"][0]["frames"][0]["original"]).shape == noise.shape
    assert counts[0] == 6
    assert 1 < counts[1] < 6
    assert counts[2] == 1


def test_large_pictures_are_scaled_down():
    page = report.render(make_document(), make_pictures(), PageLimits(picture_side=32))
    extras = json.loads(Scripts(page).found["extras"])
    assert decoded(extras["pictures"][0]["frames"][0]["restored"]).shape == (24, 32, 3)
    assert (extras["pictures"][0]["width"], extras["pictures"][0]["height"]) == (64, 48)
    assert "scaled to 32 pixels" in extras["pictures_note"]


def test_gray_pictures_are_shown():
    gray = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    page = report.render(make_document(), [ClipPictures("a", "imfn", [(0, 30.0, gray, gray[:, :, 0])])])
    extras = json.loads(Scripts(page).found["extras"])
    np.testing.assert_array_equal(decoded(extras["pictures"][0]["frames"][0]["original"]), gray[:, :, 0])


def test_long_clips_are_averaged_over_runs_of_frames():
    document = make_document(("a",), (4,), (50,), (), floats=False, student=False, frames=100)
    document["rows"][0]["psnr_per_frame"] = [30.0, 32.0, None, 33.0, None, float("inf")] + [31.0] * 94
    scripts = Scripts(report.render(document, [], PageLimits(frame_values=60))).found
    assert json.loads(scripts["extras"])["frames_per_point"] == 2
    values = json.loads(scripts["document"])["rows"][0]["psnr_per_frame"]
    assert len(values) <= 60
    assert values[:3] == [31.0, 33.0, None]
    assert len(document["rows"][0]["psnr_per_frame"]) == 100


def test_numbers_that_json_lacks_become_null():
    document = make_document(("a",), (4,), (50,), (), floats=False, student=False)
    document["rows"][0] |= {"psnr_rgb": float("nan"), "bytes": np.int64(12), "ssim": np.float32(0.5)}
    row = json.loads(Scripts(report.render(document, [])).found["document"])["rows"][0]
    assert (row["psnr_rgb"], row["bytes"], row["ssim"]) == (None, 12, 0.5)


def test_same_document_same_bytes():
    assert report.render(make_document(), make_pictures()) == report.render(make_document(), make_pictures())


def test_name_that_is_no_unicode_is_written(tmp_path):
    document = make_document(("clip\udcff.mp4",), (4,), (50,), (), student=False)
    write_report(tmp_path / "report.html", document, [])
    scripts = Scripts((tmp_path / "report.html").read_text(encoding="utf-8")).found
    assert json.loads(scripts["document"])["clips"][0]["name"] == "clip\udcff.mp4"


def test_existing_page_is_kept_without_force(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("mine")
    with pytest.raises(OutputError, match=r"exists already"):
        write_report(path, make_document(), [])
    assert path.read_text() == "mine"
    write_report(path, make_document(), [], force=True)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]


# -- in a browser --------------------------------------------------------------------------------------------


class Chromium:
    """Headless Chromium, spoken to in its DevTools protocol over a pipe: no driver, no package."""

    def __init__(self, program: str, profile: Path) -> None:
        read, self._write = os.pipe()
        self._read, write = os.pipe()
        # Out of the way of the descriptors 3 and 4, where the browser expects its ends.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (read, write)]

        def settle() -> None:
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        options = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run"
        self._process = subprocess.Popen(
            [
                program,
                *options.split(),
                "--remote-debugging-pipe",
                f"--user-data-dir={profile}",
                "about:blank",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=False,
            preexec_fn=settle,
        )
        for end in (read, write, *ends):
            os.close(end)
        self._ids, self._rest, self._session = itertools.count(1), b"", ""
        self._pressed = False
        self.events: list[dict[str, Any]] = []

    def close(self) -> None:
        """End the browser."""
        try:
            self._session = ""
            self.send("Browser.close")
            self._process.wait(10)
        except (TimeoutError, OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._read)
        os.close(self._write)

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and wait for what it returns."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer)
                return answer["result"]
            self.events.append(answer)

    def wait(self, event: str) -> None:
        """Wait until an event has come since the last `open`."""
        while not any(one.get("method") == event for one in self.events):
            self.events.append(self._receive())

    def _receive(self, seconds: float = 60) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while b"\0" not in self._rest:
            if not select.select([self._read], [], [], max(0, until - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            chunk = os.read(self._read, 1 << 20)
            if not chunk:
                raise OSError("the browser has ended")
            self._rest += chunk
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def open(self, path: Path, *, width: int = 1280, height: int = 800, dark: bool = False) -> None:
        """Load a file in a new tab of this size."""
        self._session = ""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        mobile = width < 600
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )
        self.send("Emulation.setTouchEmulationEnabled", enabled=mobile)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.send("Page.navigate", url=path.absolute().as_uri())
        self.wait("Page.loadEventFired")

    def value(self, script: str) -> Any:
        """What an expression gives in the page."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def key(self, name: str) -> None:
        """Press and release a key."""
        code = {"ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35}[name]
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code)

    def mouse(self, kind: str, x: float, y: float) -> None:
        """Move, press or release the mouse."""
        self._pressed = kind == "mousePressed" or (kind == "mouseMoved" and self._pressed)
        button = "left" if self._pressed or kind == "mouseReleased" else "none"
        buttons = int(self._pressed)
        self.send(
            "Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=buttons, clickCount=1
        )

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        """Touch, move or lift a finger."""
        self.send("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y} for x, y in points])

    def box(self, selector: str) -> tuple[float, float, float, float]:
        """Left, top, width and height of an element, scrolled into view."""
        return tuple(
            self.value(
                f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
                "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
                "return [b.left, b.top, b.width, b.height]; })()"
            )
        )

    def complaints(self) -> list[dict[str, Any]]:
        """Uncaught errors, console errors and warnings, blocked requests, since `open`."""
        self.value("new Promise(done => setTimeout(done, 50))")
        return [
            event
            for event in self.events
            if event.get("method") == "Runtime.exceptionThrown"
            or (event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] != "verbose")
            or (event.get("method") == "Runtime.consoleAPICalled")
            or (event.get("method") == "Network.requestWillBeSent" and not _local(event))
        ]


def _local(event: dict[str, Any]) -> bool:
    return event["params"]["request"]["url"].startswith(("file:", "data:"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Headless Chromium, or a skip where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    chromium = Chromium(program, tmp_path_factory.mktemp("profile"))
    yield chromium
    chromium.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with everything in it."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(path, make_document(), make_pictures())
    return path


FITS = "document.documentElement.scrollWidth <= innerWidth"
TEXT = "[...document.querySelectorAll('section')].filter(s => !s.hidden).map(s => s.id)"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1280])
def test_page_loads_from_disk_without_complaint(browser, page, width, dark):
    browser.open(page, width=width, dark=dark)
    assert browser.complaints() == []
    assert browser.value("innerWidth") == width
    assert browser.value(FITS)
    assert browser.value(TEXT) == ["rate", "view", "time", "growth", "numbers", "bd", "measured"]
    assert browser.value("document.querySelectorAll('#rate .chart path.series').length") == 9
    assert browser.value("[...document.querySelectorAll('.chart')].every(c => c.querySelector('svg'))")
    assert browser.value("document.querySelector('#rate select option').textContent") == "PSNR RGB"
    assert AWKWARD in browser.value("[...document.querySelectorAll('option')].map(o => o.textContent)")
    background = browser.value("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", background))) < 64) == dark


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(make_document(("a",), (4,), (50,), (), floats=False, student=False), id="one of each"),
        pytest.param(make_document(("a", "b"), (4, 8), (50,), (), floats=False), id="no peers, no floats"),
        pytest.param(make_document(("a",), (4, 8), (), (), floats=True, student=False), id="floats only"),
        pytest.param(make_document(("a",), (), (), ("av1",), student=False), id="a peer only"),
        pytest.param({"schema": "imfn.eval/1", "clips": [], "rows": [], "means": [], "bd": []}, id="nothing"),
        pytest.param(
            {
                **make_document(("a", "b"), (4, 8), (20, 50), ("x264",)),
                **{
                    key: [
                        {
                            name: None if name in (*FIELDS, "psnr_per_frame", "options") else value
                            for name, value in row.items()
                        }
                        for row in make_document(("a", "b"), (4, 8), (20, 50), ("x264",))[key]
                    ]
                    for key in ("rows", "means")
                },
            },
            id="nulls",
        ),
    ],
)
def test_page_with_parts_missing(browser, tmp_path, document):
    write_report(tmp_path / "report.html", document, [])
    for width in (360, 1280):
        browser.open(tmp_path / "report.html", width=width)
        assert browser.complaints() == []
        assert browser.value(FITS)
        assert not re.search(
            r"NaN|undefined|Infinity|null|\[object", browser.value("document.body.innerText")
        )
        assert not browser.value("document.querySelector('main').innerHTML.includes('NaN')")


def test_divider_follows_the_keyboard(browser, page):
    browser.open(page)
    at = "Number(document.querySelector('.divider').getAttribute('aria-valuenow'))"
    browser.value("document.querySelector('.divider').focus()")
    assert browser.value(at) == 50
    browser.key("ArrowRight")
    assert browser.value(at) == 52
    browser.key("ArrowLeft")
    browser.key("ArrowLeft")
    assert browser.value(at) == 48
    browser.key("End")
    browser.key("ArrowRight")
    assert browser.value(at) == 100
    browser.key("Home")
    assert browser.value(at) == 0
    assert browser.value("document.querySelector('.divider').getAttribute('aria-valuetext')") == (
        "0 % original, 100 % restored"
    )


def test_divider_follows_the_mouse(browser, page):
    browser.open(page)
    at = "Number(document.querySelector('.divider').getAttribute('aria-valuenow'))"
    left, top, width, height = browser.box(".stage")
    browser.mouse("mousePressed", left + width / 2, top + height / 2)
    browser.mouse("mouseMoved", left + width / 4, top + height / 2)
    assert browser.value(at) == 25
    divider = browser.box(".divider")
    assert divider[0] + divider[2] / 2 == pytest.approx(left + width / 4, abs=1)
    browser.mouse("mouseMoved", left - 300, top + height / 2)
    browser.mouse("mouseReleased", left - 300, top + height / 2)
    assert browser.value(at) == 0
    browser.mouse("mouseMoved", left + width / 2, top + height / 2)
    assert browser.value(at) == 0


def test_divider_follows_a_finger(browser, page):
    browser.open(page, width=360, height=740)
    at = "Number(document.querySelector('.divider').getAttribute('aria-valuenow'))"
    left, top, width, height = browser.box(".stage")
    y = top + height / 2
    browser.touch("touchStart", (left + width / 2, y))
    for part in (0.6, 0.7, 0.8):
        browser.touch("touchMove", (left + width * part, y))
    browser.touch("touchEnd")
    assert browser.value(at) == 80


def test_frames_are_walked_through(browser, page):
    browser.open(page)
    caption = "document.querySelector('.caption').textContent"
    assert browser.value(caption) == "Frame 0 · PSNR 24.00 dB · 1 of 3"
    assert browser.value("document.querySelector('.previous').disabled")
    first = browser.value("document.querySelector('.before').src")
    browser.value("document.querySelector('.next').click()")
    assert browser.value(caption) == "Frame 7 · PSNR 25.00 dB · 2 of 3"
    assert browser.value("document.querySelector('.before').src") != first
    browser.value("document.querySelector('.thumbs button:last-child').click()")
    assert browser.value(caption) == "Frame 14 · PSNR 26.00 dB · 3 of 3"
    assert browser.value("document.querySelector('.next').disabled")


def test_charts_answer(browser, page):
    browser.open(page)
    lines = "document.querySelectorAll('#rate .chart path.series').length"
    browser.value("document.querySelector('#rate .legend button').click()")
    assert browser.value(lines) == 8
    for field, option in ((0, 4), (1, 1)):
        browser.value(
            f"(s => {{ s.selectedIndex = {option}; s.dispatchEvent(new Event('change')); }})"
            f"(document.querySelectorAll('#rate select')[{field}])"
        )
    assert browser.value(lines) == 8
    assert browser.value("document.querySelector('#rate .chart text.title').textContent") == "MS-SSIM"
    x, y, width, height = browser.box("#rate .chart circle.mark")
    browser.mouse("mouseMoved", x + width / 2, y + height / 2)
    tip = browser.value("document.querySelector('#rate .tip').innerText")
    assert "8:1" in tip
    assert "bits/pixel" in tip
    x, y, width, height = browser.box("#time .chart svg")
    browser.mouse("mouseMoved", x + width / 2, y + height / 2)
    tip = browser.value("document.querySelector('#time .tip').innerText")
    assert re.match(r"Frame \d+\n", tip)
    assert tip.count("dB") == 5
    browser.value("document.querySelector('#growth .chart svg').focus()")
    browser.key("ArrowRight")
    assert "Mean squared error" in browser.value("document.querySelector('#growth .tip').innerText")
    assert browser.complaints() == []


def test_exact_options_are_told_once(browser, page):
    browser.open(page)
    told = browser.value("[...document.querySelectorAll('.options tbody tr')].map(r => r.innerText)")
    assert len(told) == 9
    assert "-r 16 -q {20, 50, 80}" in told[2]
    assert "preset=medium crf={18, 23, 28, 33, 38}" in told[5]


def test_error_growth_is_fitted(browser, tmp_path):
    document = make_document(("a",), (4, 8, 16), (50,), (), student=False)
    for row in document["rows"]:
        if row["float"]:
            row["psnr_per_frame"] = [10 * math.log10(255**2 / row["ratio"] ** 0.75)] * 40
    write_report(tmp_path / "report.html", document, [])
    browser.open(tmp_path / "report.html")
    assert browser.value("document.querySelector('#growth dd').textContent").startswith("0.75 ")
