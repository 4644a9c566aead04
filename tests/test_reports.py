"""Reports in a notebook."""

import re
from dataclasses import dataclass, fields
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli import reports


class Balanced(HTMLParser):
    """Checks that every element ends where it should."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_report_is_a_table(clip_frames: np.ndarray, tiny_model: imfn.Model, tmp_path: Path) -> None:
    report = imfn.compress(
        clip_frames, tmp_path / "a.safetensors", model=tiny_model, ratio=4, target_size=30_000
    )
    page = report._repr_html_()
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    shown = re.sub(r"<[^>]+>", " ", page)
    assert "CompressReport" in shown
    assert f"{report.bytes:,}" in shown
    # Reports in it are tables, too.
    assert "TargetReport" in shown
    assert page.count("<table>") == 2
    # What there is not is left out.
    assert "source bytes" in shown
    assert "None" not in shown


def test_nothing_in_a_name_is_markup() -> None:
    report = imfn.DamagedNode(1, 2, 3, "<script>alert('x')</script> & more")
    page = report._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; more" in page


def test_long_lists_are_cut() -> None:
    damaged = tuple(imfn.DamagedNode(index, 0, 0, "cut") for index in range(50))
    report = imfn.VerifyReport("a", False, 50, 50, True, damaged, ())
    page = report._repr_html_()
    assert page.count("DamagedNode") == 20
    assert "… 30 more" in page


@pytest.mark.parametrize("name", [name for name in dir(reports) if name.endswith("Report")])
def test_every_report_has_one(name: str) -> None:
    kind = getattr(reports, name)
    if name.startswith("_"):
        return
    assert fields(kind)
    assert callable(kind._repr_html_)


def test_plain_values() -> None:
    @dataclass
    class Some:
        yes: bool = True
        count: int = 12345
        rate: float = 0.123456789
        by_ratio: object = None

    some = Some(by_ratio={4: 31.5})
    from imfn_cli.notebook import to_html

    page = to_html(some)
    assert ">yes</td>" in page
    assert ">12,345</td>" in page
    assert ">0.123457</td>" in page
    assert "4: 31.5" in page
