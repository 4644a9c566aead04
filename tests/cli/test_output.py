"""What is on a terminal: bars that fit it, and a hint at once."""

import io
import re

import pytest

from imfn_cli.cli import main, messages
from imfn_cli.cli.output import Output


class Terminal(io.StringIO):
    """What a terminal was sent."""

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        """All that was ever shown on a line of it."""
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())
        return [line for line in re.split(r"[\r\n]", plain) if line.strip()]


def terminal_of(monkeypatch: pytest.MonkeyPatch, width: int = 80) -> Terminal:
    """Standard error as a terminal; not a fixture, since pytest changes it between set-up and test."""
    opened = Terminal()
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stderr", opened)
    monkeypatch.setattr(messages, "_hints", [])
    return opened


@pytest.mark.parametrize("width", [24, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("total", [None, 1_000_000])
def test_a_bar_is_one_line_that_fits(monkeypatch: pytest.MonkeyPatch, width: int, total: int | None) -> None:
    terminal = terminal_of(monkeypatch, width)
    name = "a rather long name of a film, 2160p, 25 fps.mp4:"
    with Output().stages("frames") as update:
        update(name, 1, total)
        update(name, 999_999, total)
    bars = [line for line in terminal.lines if "a rather" in line]
    assert bars
    assert all(len(line.rstrip()) <= width for line in terminal.lines)
    # A line that wraps would begin with something else.
    assert all(line.lstrip().startswith(("a rather", "imfn: loading")) for line in terminal.lines)
    # Of a name that has no room the end is cut.
    assert any("…" in line for line in bars) or width >= 60
    assert any("fps.mp4:" in line for line in bars) or width < 100


def test_what_a_bar_shows_by_width(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    for width in (24, 40, 80, 120):
        terminal = terminal_of(monkeypatch, width)
        with Output().stages("frames") as update:
            update("clip:", 5, 10)
        seen[width] = terminal.lines[-1]
    assert "50%" in seen[24]
    assert "50%" in seen[40]
    assert all("5/10" in seen[width] for width in (80, 120))
    assert [("-:--:--" in text or "0:00" in text) for text in seen.values()] == [False, True, True, True]


def test_a_live_line_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch, 40)
    moments = iter(range(100))
    monkeypatch.setattr("imfn_cli.cli.output.time.monotonic", lambda: next(moments))
    with Output().live() as line:
        line(lambda: "x" * 90)
    assert terminal.lines[-1] == "x" * 39


def test_a_hint_is_there_at_once_and_gone_with_the_next_word(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    out = Output()
    assert terminal.getvalue() == "imfn: loading …"
    out.note("found")
    assert terminal.getvalue() == "imfn: loading …\r\x1b[Kimfn: found\n"


@pytest.mark.parametrize("quiet", [True, False])
def test_no_hint_for_who_reads_none(quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    Output(quiet=quiet)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("words", "hinted"),
    [
        (["compress", "clip.mp4"], True),
        (["compress", "clip.mp4", "--quiet"], False),
        (["compress", "-h"], False),
        (["--version"], False),
        ([], False),
    ],
)
def test_a_command_has_a_hint_before_it_is_loaded(
    words: list[str], hinted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = terminal_of(monkeypatch)
    monkeypatch.setattr("sys.argv", ["imfn", *words])
    seen = []

    def run() -> int:
        seen.append(terminal.getvalue())
        return 0

    monkeypatch.setattr(main, "run", run)
    for name in ("settle", "unwind_on_signals"):
        monkeypatch.setattr(main, name, lambda: None)
    with pytest.raises(SystemExit):
        main.main()
    assert seen == ["imfn: loading …" if hinted else ""]


def test_quiet_has_no_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    Output(quiet=True)
    assert terminal.getvalue() == ""
