"""Sections and examples of the help, and the manual page that is made from the same."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.main import get_command

from imfn_cli.cli.examples import EXAMPLES
from imfn_cli.cli.help import SECTIONS
from imfn_cli.cli.main import app
from imfn_cli.cli.man import manual

from .conftest import Ran

Cli = Callable[..., Ran]


def commands() -> Iterator[tuple[str, Any, Any]]:
    """(words, command, context) of every command, but for those of the benchmarks their group alone."""
    root: Any = get_command(app)
    outer = root.context_class(root, info_name="imfn")
    for name in root.commands:
        command = root.load(name)
        context = command.context_class(command, info_name=name, parent=outer)
        yield name, command, context
        for below, one in getattr(command, "commands", {}).items() if name != "bench" else ():
            yield f"{name} {below}", one, one.context_class(one, info_name=below, parent=context)


def test_options_are_in_sections(cli: Cli) -> None:
    text = cli("compress", "-h").out
    titles = [line.rstrip(":") for line in text.splitlines() if re.fullmatch(r"[A-Z][a-z ]+:", line)]
    assert titles == [
        *("Arguments", "Size and quality", "What is read", "What is written", "Model", "Limits", "Running"),
        "Examples",
    ]
    part = text.partition("Size and quality:")[2].partition("What is read:")[0]
    assert "--target-size" in part
    assert "--preset" in part
    assert "--device" not in part
    # A few are one list.
    assert "Running:" not in cli("doctor", "-h").out


def test_sections_name_options_that_there_are() -> None:
    root: Any = get_command(app)
    bench = root.load("bench")
    every = [command for _, command, _ in commands()] + [bench.load(name) for name in bench.commands]
    known = {option for command in every for one in command.params for option in one.opts} | {"--help"}
    assert {option for options in SECTIONS.values() for option in options} - known == set()


def test_every_command_has_examples_that_parse() -> None:
    found = {words: (command, context) for words, command, context in commands()}
    assert set(EXAMPLES) == {"", *found}
    for words, examples in EXAMPLES.items():
        assert examples
        for example in examples:
            # Of a pipe the part that is ours.
            ours = next(part for part in example.command.split("|") if part.strip().startswith("imfn "))
            told = shlex.split(ours)[1:]
            if not words:
                assert told[0] in found
                continue
            own = words.split()
            assert told[: len(own)] == own
            command, context = found[words]
            command.make_context(own[-1], told[len(own) :], parent=context.parent, resilient_parsing=False)


def test_examples_are_printed_whole(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    text = cli("compress", "-h").out
    for example in EXAMPLES["compress"]:
        assert f"  # {example.what}\n  {example.command}\n" in text


def test_the_manual_has_everything(cli: Cli) -> None:
    ran = cli("--man")
    assert ran.code == 0
    assert ran.out.startswith(".TH IMFN 1 ")
    assert ran.out.isascii()
    plain = ran.out.replace("\\-", "-")
    for words, command, _ in commands():
        assert f'.SS "imfn {words}"' in plain
        for one in command.params:
            assert all(option in plain for option in one.opts if option.startswith("-"))
    for title in ("NAME", "SYNOPSIS", "OPTIONS", "COMMANDS", "EXAMPLES", "ENVIRONMENT", "EXIT STATUS"):
        assert f".SH {title}\n" in plain


def test_nothing_in_a_text_is_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    from imfn_cli.cli.man import _text

    assert _text(".SH x") == r"\&.SH x"
    assert _text("'quoted'") == r"\&'quoted'"
    assert _text('a\\b-"c" ~ ^ é') == r"a\eb\-\(dqc\(dq \(ti \(ha \[u00E9]"


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_groff_has_nothing_to_say() -> None:
    ran = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z"], input=manual(get_command(app)), text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    assert ran.stderr == ""
