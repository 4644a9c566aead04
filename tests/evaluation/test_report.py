"""The report page: what is inside the file."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imfn_cli.errors import OutputError
from imfn_cli.evaluation import report
from imfn_cli.evaluation.page_pictures import ClipPictures, FramePicture
from imfn_cli.evaluation.peers import PEERS
from imfn_cli.evaluation.report import PageLimits, write_report
from imfn_cli.evaluation.window_picture import COLOURS, draw_windows

from .made_up import AWKWARD, make_document, make_pictures


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


def test_page_carries_the_document(tmp_path: Path) -> None:
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


def test_page_escapes_names_and_asks_for_nothing_outside(tmp_path: Path) -> None:
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


def test_pictures_are_exact_while_they_are_few(tmp_path: Path) -> None:
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
            index, psnr, original, restored = frame[:4]
            assert (picture["index"], picture["psnr"]) == (index, psnr)
            np.testing.assert_array_equal(decoded(picture["original"]), original)
            np.testing.assert_array_equal(decoded(picture["restored"]), restored)


def test_pictures_stay_within_their_budget() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    frames = [FramePicture(index, 20.0 + index, noise, noise) for index in range(6)]
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


def test_windows_are_pictures_of_their_own() -> None:
    frame = np.full((32, 48, 3), 100, np.uint8)
    levels = np.zeros((32, 48), np.int8)
    levels[:16, 16:] = 6
    drawn = draw_windows(frame, levels)
    assert drawn.shape == frame.shape
    for level, (y, x) in ((0, (20, 5)), (6, (5, 40))):
        colour = [int(COLOURS[level][at : at + 2], 16) for at in (1, 3, 5)]
        assert drawn[y, x].tolist() == [round(0.4 * 100 + 0.6 * part) for part in colour]
    assert len({tuple(pixel) for pixel in drawn.reshape(-1, 3).tolist()}) == 4, "and their borders"
    picture = FramePicture(0, 30.0, frame, frame, drawn)
    page = report.render(make_document(), [ClipPictures("a", "imfn auto", [picture])])
    extras = json.loads(Scripts(page).found["extras"])
    np.testing.assert_array_equal(decoded(extras["pictures"][0]["frames"][0]["windows"]), drawn)
    assert extras["window_colours"] == list(COLOURS)
    without = json.loads(Scripts(report.render(make_document(), make_pictures())).found["extras"])
    assert without["pictures"][0]["frames"][0]["windows"] is None


def test_large_pictures_are_scaled_down() -> None:
    page = report.render(make_document(), make_pictures(), PageLimits(picture_side=32))
    extras = json.loads(Scripts(page).found["extras"])
    assert decoded(extras["pictures"][0]["frames"][0]["restored"]).shape == (24, 32, 3)
    assert (extras["pictures"][0]["width"], extras["pictures"][0]["height"]) == (64, 48)
    assert "scaled to 32 pixels" in extras["pictures_note"]


def test_gray_pictures_are_shown() -> None:
    gray = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    page = report.render(
        make_document(), [ClipPictures("a", "imfn", [FramePicture(0, 30.0, gray, gray[:, :, 0])])]
    )
    extras = json.loads(Scripts(page).found["extras"])
    np.testing.assert_array_equal(decoded(extras["pictures"][0]["frames"][0]["original"]), gray[:, :, 0])


def test_long_clips_are_averaged_over_runs_of_frames() -> None:
    document = make_document(("a",), (4,), (50,), (), floats=False, student=False, frames=100)
    document["rows"][0]["psnr_per_frame"] = [30.0, 32.0, None, 33.0, None, float("inf")] + [31.0] * 94
    scripts = Scripts(report.render(document, [], PageLimits(frame_values=60))).found
    assert json.loads(scripts["extras"])["frames_per_point"] == 2
    values = json.loads(scripts["document"])["rows"][0]["psnr_per_frame"]
    assert len(values) <= 60
    assert values[:3] == [31.0, 33.0, None]
    assert len(document["rows"][0]["psnr_per_frame"]) == 100


def test_numbers_that_json_lacks_become_null() -> None:
    document = make_document(("a",), (4,), (50,), (), floats=False, student=False)
    document["rows"][0] |= {"psnr_rgb": float("nan"), "bytes": np.int64(12), "ssim": np.float32(0.5)}
    row = json.loads(Scripts(report.render(document, [])).found["document"])["rows"][0]
    assert (row["psnr_rgb"], row["bytes"], row["ssim"]) == (None, 12, 0.5)


def test_every_peer_has_a_colour_and_a_mark() -> None:
    extras = json.loads(Scripts(report.render(make_document(), [])).found["extras"])
    assert set(extras["peers"]) == set(PEERS)
    template = Path(report.__file__).with_name("report.html").read_text(encoding="utf-8")
    for style in extras["peers"].values():
        assert re.fullmatch("#[0-9a-f]{6}", style["colour"])
        assert re.fullmatch("#[0-9a-f]{6}", style["dark_colour"])
        # The page knows the corners of the mark.
        assert f"{style['mark']}: [[" in template
    # No codec is named in the page itself.
    assert not any(name in template for name in PEERS)


def test_same_document_same_bytes() -> None:
    assert report.render(make_document(), make_pictures()) == report.render(make_document(), make_pictures())


def test_name_that_is_no_unicode_is_written(tmp_path: Path) -> None:
    document = make_document(("clip\udcff.mp4",), (4,), (50,), (), student=False)
    write_report(tmp_path / "report.html", document, [])
    scripts = Scripts((tmp_path / "report.html").read_text(encoding="utf-8")).found
    assert json.loads(scripts["document"])["clips"][0]["name"] == "clip\udcff.mp4"


def test_existing_page_is_kept_without_force(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("mine")
    with pytest.raises(OutputError, match=r"exists already"):
        write_report(path, make_document(), [])
    assert path.read_text() == "mine"
    write_report(path, make_document(), [], force=True)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]
