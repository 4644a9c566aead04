"""The report page: what headless Chromium makes of it."""

import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imfn_cli.evaluation.report import write_report

from .chromium import Chromium
from .made_up import AWKWARD, FIELDS, make_document, make_pictures


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
def test_page_loads_from_disk_without_complaint(
    browser: Chromium, page: Path, width: int, dark: bool
) -> None:
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
def test_page_with_parts_missing(browser: Chromium, tmp_path: Path, document: dict[str, Any]) -> None:
    write_report(tmp_path / "report.html", document, [])
    for width in (360, 1280):
        browser.open(tmp_path / "report.html", width=width)
        assert browser.complaints() == []
        assert browser.value(FITS)
        assert not re.search(
            r"NaN|undefined|Infinity|null|\[object", browser.value("document.body.innerText")
        )
        assert not browser.value("document.querySelector('main').innerHTML.includes('NaN')")


def test_divider_follows_the_keyboard(browser: Chromium, page: Path) -> None:
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


def test_divider_follows_the_mouse(browser: Chromium, page: Path) -> None:
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


def test_divider_follows_a_finger(browser: Chromium, page: Path) -> None:
    browser.open(page, width=360, height=740)
    at = "Number(document.querySelector('.divider').getAttribute('aria-valuenow'))"
    left, top, width, height = browser.box(".stage")
    y = top + height / 2
    browser.touch("touchStart", (left + width / 2, y))
    for part in (0.6, 0.7, 0.8):
        browser.touch("touchMove", (left + width * part, y))
    browser.touch("touchEnd")
    assert browser.value(at) == 80


def test_the_page_leads_with_bits_against_the_peers(browser: Chromium, tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", make_document(("a",), (4, 8), (20, 50), ("x264",)), [])
    browser.open(tmp_path / "report.html")
    first = browser.value("document.querySelector('.card').innerText").splitlines()
    assert first[0] == "Bits against x264"
    assert first[1] == "−10.0 %"


def test_a_peer_at_equal_bytes_is_under_the_divider(browser: Chromium, tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", make_document(), make_pictures(peer=True))
    for width in (360, 1280):
        browser.open(tmp_path / "report.html", width=width)
        assert browser.value(FITS)
        note = browser.value("document.querySelector('#view .note').textContent")
        assert note.startswith("imfn 16:1 q50 in 35.0 kB, x264 medium crf 27 in 35.1 kB.")
        tags = "[...document.querySelectorAll('.stage .tag')].map(t => t.textContent)"
        assert browser.value(tags) == ["x264", "imfn"]
        caption = browser.value("document.querySelector('.caption').textContent")
        assert caption == "Frame 0 · PSNR 24.00 dB against 20.00 dB of x264 medium crf 27 · 1 of 3"
    other = browser.value("document.querySelector('.before').src")
    browser.value(
        "(s => { s.selectedIndex = 1; s.dispatchEvent(new Event('change')); })"
        "(document.querySelector('#view select'))"
    )
    assert browser.value(tags) == ["Original", "Restored"]
    assert browser.value("document.querySelector('.before').src") != other
    assert browser.complaints() == []


def test_errors_are_the_difference_to_the_original(browser: Chromium, tmp_path: Path) -> None:
    """What the screen shows: six times |original − restored| on the right, of the peer on the left."""
    pictures = make_pictures(("a",), frames=1, peer=True)
    write_report(tmp_path / "report.html", make_document(("a",)), pictures)
    browser.open(tmp_path / "report.html")
    browser.value("document.querySelector('.errors').click()")
    tags = "[...document.querySelectorAll('.stage .tag')].map(t => t.textContent)"
    assert browser.value(tags) == ["x264 error", "imfn error"]
    left, top, width, height = browser.box(".stage")
    # Below the tags, beside the handle, in the middle of a pixel of the frame.
    frame = pictures[0].frames[0]
    assert frame.peer is not None
    shot = browser.picture()
    for column, shown in ((12, frame.peer), (52, frame.restored)):
        row = 36
        x, y = left + (column + 0.5) * width / 64, top + (row + 0.5) * height / 48
        expected = np.abs(frame.original[row, column].astype(int) - shown[row, column])
        found = shot[round(y), round(x), :3].astype(int)
        assert np.abs(found - np.minimum(255, 6 * expected)).max() <= 8
    browser.value("document.querySelector('.errors').click()")
    assert browser.value(tags) == ["x264", "imfn"]
    assert browser.complaints() == []


def test_adaptive_forests_have_a_colour(browser: Chromium, tmp_path: Path) -> None:
    document = make_document(("a",), (4, 16), (20, 50), ("x264",), floats=False, student=False)
    for row in document["rows"] + document["means"]:
        if row["ratio"] == 16:
            row |= {"ratio": "auto", "label": "imfn auto"}
    write_report(tmp_path / "report.html", document, [])
    browser.open(tmp_path / "report.html")
    marks = "[...document.querySelectorAll('#rate .chart g > circle.mark')]"
    colours = browser.value(f"{marks}.map(mark => getComputedStyle(mark).fill)")
    assert len(set(colours)) == 2
    assert "none" not in colours
    assert "rgb(0, 0, 0)" not in colours


def test_frames_are_walked_through(browser: Chromium, page: Path) -> None:
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


def test_charts_answer(browser: Chromium, page: Path) -> None:
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


def test_exact_options_are_told_once(browser: Chromium, page: Path) -> None:
    browser.open(page)
    told = browser.value("[...document.querySelectorAll('.options tbody tr')].map(r => r.innerText)")
    assert len(told) == 9
    assert "-r 16 -q {20, 50, 80}" in told[2]
    assert "preset=medium crf={18, 23, 28, 33, 38}" in told[5]


def test_error_growth_is_fitted(browser: Chromium, tmp_path: Path) -> None:
    document = make_document(("a",), (4, 8, 16), (50,), (), student=False)
    for row in document["rows"]:
        if row["float"]:
            row["psnr_per_frame"] = [10 * math.log10(255**2 / row["ratio"] ** 0.75)] * 40
    write_report(tmp_path / "report.html", document, [])
    browser.open(tmp_path / "report.html")
    assert browser.value("document.querySelector('#growth dd').textContent").startswith("0.75 ")
