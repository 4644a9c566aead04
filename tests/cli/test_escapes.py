"""Nothing that a file says of itself reaches a terminal as it is."""

import io
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.table import Table

from imfn_cli.bitstream.container.latent_writer import LatentWriter
from imfn_cli.bitstream.open import open_latent
from imfn_cli.cli.messages import escaped, say
from imfn_cli.cli.output import Output

from ..attacks import ESCAPES
from .running import Ran

Cli = Callable[..., Ran]


class _Terminal(io.StringIO):
    """What claims to be a terminal, so that styles are printed."""

    def isatty(self) -> bool:
        return True


def test_what_is_left_of_a_text() -> None:
    assert escaped("größe 動画 é [red]") == "größe 動画 é [red]"
    assert escaped("a\x1b[2Jb\x07\r\x9b\u202e\udc80\nc") == r"a\x1b[2Jb\x07\r\x9b\u202e\udc80" + "\nc"
    assert escaped(ESCAPES).isprintable()


def test_lines_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"one\n{ESCAPES}\u2028two")
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told[:-1].isprintable()


def test_tables_and_lines_keep_their_own_styles_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    table = Table("\x1b[5mhead", title="\x1b]0;title\x07")
    table.add_row("[red]\x1b[2J")
    Output().result({}, "line \x1b[31m", table)
    told = terminal.getvalue()
    assert r"line \x1b[31m" in told
    assert r"[red]\x1b[2J" in told
    for sequence in ("\x1b[31m", "\x1b[5m", "\x1b]", "\x1b[2J", "\x07"):
        assert sequence not in told


@pytest.mark.parametrize(
    "words", [("info",), ("info", "--nodes"), ("verify",), ("decompress",), ("info", "--json")]
)
def test_every_command(cli: Cli, latent: Path, words: tuple[str, ...]) -> None:
    reader = open_latent(latent)
    colour: dict[str, str | None] = dict.fromkeys(("matrix", "range", "primaries", "transfer"), ESCAPES)
    header = replace(reader.header, tool=ESCAPES, model=ESCAPES, model_sha256=ESCAPES, colour=colour)
    data = [(node.level, reader.read(node)) for node in reader.nodes]
    named = latent.with_name("x\x1b[2J\n.safetensors")
    with LatentWriter(named) as writer:
        for level, one in data:
            writer.add(level, one)
        writer.finish(header)
    ran = cli(words[0], named, *words[1:])
    for text in (ran.out, ran.err):
        assert all(one.isprintable() or one == "\n" for one in text)
    assert len(ran.err.splitlines()) <= 1
    if "--json" in words:
        assert ran.json[0]["header"]["tool"] == ESCAPES
