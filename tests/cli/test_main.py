"""What all commands share: help, version, exit codes, streams, signals."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.main import get_command

from imfn_cli import defaults
from imfn_cli.cli import main
from imfn_cli.cli.bench import bench
from imfn_cli.cli.messages import describe, say
from imfn_cli.cli.output import Output

from .conftest import Ran, environment

Cli = Callable[..., Ran]

COMMANDS = sorted(get_command(main.app).commands)  # type: ignore[attr-defined]
BENCH = sorted(get_command(bench).commands)  # type: ignore[attr-defined]
HEAVY = {"torch", "numpy", "av", "PIL", "safetensors", "constriction", "matplotlib", "transformers"}


def test_help_names_every_command(cli: Cli) -> None:
    ran = cli("--help")
    assert ran.code == 0
    assert {"compress", "decompress", "info", "verify", "models", "train", "bench"} <= set(COMMANDS)
    assert all(f"\n  {name} " in ran.out for name in COMMANDS)
    # One line each: none is cut off.
    assert "..." not in ran.out.partition("Commands:")[2]
    sections = [line for line in ran.out.splitlines() if line.endswith(":")]
    assert sections == [
        "Options:", "Commands:", "Looking and measuring:", "Models:", "Research:", "Examples:"
    ]  # fmt: skip


@pytest.mark.parametrize("command", [*COMMANDS, *(f"bench {command}" for command in BENCH)])
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_of_a_command_fits_80_columns(
    cli: Cli, command: str, flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = cli(*command.split(), flag)
    assert ran.code == 0
    assert ran.err == ""
    assert max(map(len, ran.out.splitlines())) <= 80


def test_help_shows_the_defaults(cli: Cli) -> None:
    words = " ".join(cli("compress", "--help").out.split())
    assert "1 to 64. [default: (auto; 16 with --student," in words
    assert f"[default: ({defaults.QUALITY})]" in words
    assert "[default: (the best that ships)]" in words


def modules_after(*words: str) -> set[str]:
    """What a process of its own has loaded after these commands, all in one."""
    code = "import sys\nfrom imfn_cli.cli.main import run\nfor words in sys.argv[1:]: run(words.split())\n"
    code += "print(*sys.modules, file=sys.stderr)"
    ran = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True, env=environment()
    )
    assert ran.stdout.count("Usage: imfn") == len(words)
    return set(ran.stderr.split())


def test_help_imports_no_command() -> None:
    loaded = modules_after("--help")
    assert "typer" in loaded
    assert not loaded & HEAVY
    assert "rich" not in loaded
    assert not loaded & {f"imfn_cli.cli.{command}" for command in COMMANDS}
    loaded = modules_after("bench --help")
    assert not loaded & {f"imfn_cli.cli.bench.{command}" for command in BENCH}


def test_help_of_commands_imports_nothing_heavy() -> None:
    every = [*COMMANDS, *(f"bench {command}" for command in BENCH)]
    loaded = modules_after(*(f"{command} -h" for command in every))
    assert {f"imfn_cli.cli.{command.replace(' ', '.')}" for command in every} <= loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize(
    ("shell", "words"),
    [("bash", "complete -o default"), ("zsh", "#compdef imfn"), ("fish", "complete --command imfn")],
)
def test_completion_for_a_shell_by_name(process: Cli, shell: str, words: str) -> None:
    ran = process("--show-completion", shell, env={"SHELL": "/bin/bash"})
    assert (ran.code, ran.err) == (0, "")
    assert words in ran.out


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_not_there(cli: Cli, clip: Path) -> None:
    ran = cli("compress", clip, "--device", "cuda")
    assert (ran.code, ran.line) == (1, "device cuda: PyTorch sees none here; use --device auto or cpu")


def test_version(cli: Cli) -> None:
    from imfn_cli import __version__

    ran = cli("--version")
    assert (ran.code, ran.out) == (0, f"imfn {__version__}\n")


def test_without_a_command_there_is_help(process: Cli) -> None:
    ran = process()
    assert ran.code == 2
    assert "Usage: " in ran.out + ran.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("compres",), "No such command 'compres'"),
        (("compress",), "Missing argument 'INPUT'"),
        (("compress", "x", "--wat"), "No such option"),
        (("compress", "x", "-r", "3.5"), "--ratio"),
        (("compress", "x", "-q", "101"), "--quality"),
        (("compress", "x", "-q", "-1"), "--quality"),
        (("compress", "x", "--device", "tpu"), "'tpu'"),
        (("compress", "x", "--frames", "5"), "write A:B"),
        (("compress", "x", "--frames", "5:5"), "write A:B"),
        (("compress", "x", "--frames", "-1:5"), "write A:B"),
        (("decompress", "x", "--frames", "a:b"), "write A:B"),
        (("decompress",), "Missing argument 'LATENT'"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(cli: Cli, words: tuple[str, ...], expected: str) -> None:
    ran = cli(*words)
    assert ran.code == 2
    assert expected in ran.line
    assert ran.out == ""


def test_an_unexpected_error_is_one_line(cli: Cli, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("imfn_cli.api.compress", fail)
    monkeypatch.setattr("imfn_cli.zoo.weights.load", lambda *_, **__: _Anything())
    monkeypatch.delenv("IMFN_DEBUG", raising=False)
    ran = cli("compress", clip)
    assert ran.code == 1
    assert ran.line == "RuntimeError: two lines (IMFN_DEBUG=1 shows where)"
    monkeypatch.setenv("IMFN_DEBUG", "1")
    with pytest.raises(RuntimeError, match="two"):
        cli("compress", clip)


class _Anything:
    """Stands for a model whose network has four levels."""

    levels = 4

    @property
    def network(self) -> "_Anything":
        return self

    config = network


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), "out of memory; try smaller frames, or --device cpu"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "out of memory; try smaller"),
        (PermissionError(13, "Permission denied", "/x"), "/x: Permission denied"),
        (KeyError("x"), "KeyError: 'x' (IMFN_DEBUG=1 shows where)"),
    ],
)
def test_describe(error: Exception, expected: str) -> None:
    assert describe(error).startswith(expected)


def test_debug_mode_lets_errors_through(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from imfn_cli import LatentError

    monkeypatch.setenv("IMFN_DEBUG", "1")
    with pytest.raises(LatentError, match="no such file"):
        cli("info", "missing.safetensors")


@pytest.mark.parametrize("words", [("info",), ("info", "--json"), ("verify",)])
def test_a_closed_pipe_is_no_error(command: list[str], latent: Path, words: tuple[str, ...]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    ran = subprocess.run(
        [*command, words[0], str(latent), *words[1:]],
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=environment(),
    )
    os.close(write_end)
    assert "Traceback" not in ran.stderr
    assert "Broken pipe" not in ran.stderr
    assert ran.returncode in (0, 1)


def test_a_message_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say("odd\nname.mp4: is empty")
    assert capsys.readouterr().err == "imfn: odd name.mp4: is empty\n"


def test_names_that_are_no_text_can_be_said(process: Cli, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.mp4")
    ran = process("compress", name, "--json", cwd=tmp_path)
    assert ran.code == 1
    assert "No such file" in ran.line
    ran = process("info", name, env={"PYTHONIOENCODING": "ascii"}, cwd=tmp_path)
    assert ran.code == 1
    assert "no such file" in ran.line


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_takes_names_that_look_like_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with Output().progress("[/b]x[red].mp4:") as progress:
        progress(1, 10)
        progress(10, 10)
    assert "[/b]x[red].mp4:" in terminal.getvalue()


def test_no_bar_when_quiet_or_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for out in (Output(quiet=True), Output(), Output(as_json=True)):
        with out.progress("clip.mp4:") as progress:
            progress(1, None)
    assert capsys.readouterr() == ("", "")
    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with Output(quiet=True).progress("clip.mp4:") as progress:
        progress(1, 2)
    assert terminal.getvalue() == ""
