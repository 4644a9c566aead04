"""The command line: its commands, and what happens when one fails."""

import itertools
import os
import sys
from typing import Annotated, Any

import typer

from ..errors import ImfnError
from ..system.first_use import when_compiling
from ..system.process import settle
from ..system.signals import Interrupted, unwind_on_signals
from ..version import __version__
from .examples import EXAMPLES
from .lazy_group import lazy_app
from .messages import debugging, describe, hint, say, take_hint_back

# Typer carries its own copy of click since 0.20 or so; its base exception is found through a public one.
_UsageError: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")

_SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")

app = lazy_app(
    __package__,
    {
        "compress": ("compress:compress", "Compress videos, images or arrays into latents."),
        "decompress": ("decompress:decompress", "Restore the frames of latents."),
        "stream": ("stream:stream", "Compress frames as they come, without end."),
        "memories": ("memories:memories", "Write memories as arrays, for other programs."),
        "info": ("info:info", "Show all about a latent or a model."),
        "verify": ("verify:verify", "Check that latents are whole."),
        "eval": ("eval:evaluate", "Measure quality, size and speed, also of other codecs."),
        "models": ("models:models", "List models; add one of your own."),
        "train": ("train:train", "Fit a model to your own sequences."),
        "distill": ("distill:distill", "Distil a model into its student."),
        "doctor": ("doctor:doctor", "Show what works here, and test it."),
        "bench": ("bench:bench", "Reproduce the tables of results."),
    },
    name="imfn",
    help="Compress image sequences into small memories, and restore them.\n\n"
    "Invertible Memory Flow Networks, arXiv 2602.00535. 'imfn COMMAND -h' explains a command.",
    add_completion=True,
    sections={
        "Commands": ("compress", "decompress", "stream"),
        "Looking and measuring": ("info", "verify", "memories", "eval", "doctor"),
        "Models": ("models", "train", "distill"),
        "Research": ("bench",),
    },
    examples=EXAMPLES,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"imfn {__version__}")
        raise typer.Exit


def _manual(wanted: bool) -> None:
    if wanted:
        # Loads the modules of all commands.
        from .man import manual

        typer.echo(manual(typer.main.get_command(app)), nl=False)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    manual: Annotated[
        bool, typer.Option("--man", callback=_manual, is_eager=True, help="Print the manual page (man -l -).")
    ] = False,
) -> None:
    pass


def _name_the_shell(words: list[str]) -> None:
    """Let --show-completion and --install-completion take a shell's name, where Typer would guess."""
    for option, shell in itertools.pairwise([*words, ""]):
        if option in ("--show-completion", "--install-completion") and shell in _SHELLS:
            # Typer's own switch between a flag and an option with a value.
            os.environ["_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"] = "1"


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 Ctrl-C."""
    settle()
    unwind_on_signals()
    # A name that is no text here must not stop its message.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    _say_that_it_begins(sys.argv[1:])
    sys.exit(run())


def _say_that_it_begins(words: list[str]) -> None:
    """Show on a terminal, before anything else is loaded, that a command was understood to be one."""
    silent = {"-h", "--help", "--quiet"}.intersection(words) or "_IMFN_COMPLETE" in os.environ
    if words and not words[0].startswith("-") and not silent:
        hint("loading …")


def run(args: list[str] | None = None) -> int:
    """Run one command and return its exit code; every failure becomes one line on stderr.

    With IMFN_DEBUG=1 in the environment exceptions pass through, with their traceback.
    """
    words = sys.argv[1:] if args is None else args
    _name_the_shell(words)
    if "--quiet" not in words:
        when_compiling(lambda: say("compiling what this needs, once for this machine; it takes a while"))
    try:
        code = app(args=words, prog_name="imfn", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except Interrupted as signalled:
        from ..system.work_file import let_go

        let_go()
        say("interrupted; nothing half-written was left")
        return 128 + signalled.number
    except BrokenPipeError:
        # The reader of our stdout went away (imfn info x | head); keep Python's exit from complaining too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            take_hint_back()
            error.show()
        else:
            say(error.format_message())
        return 2
    except Exception as error:
        if debugging():
            raise
        say(describe(error))
        return error.exit_code if isinstance(error, ImfnError) else 1
    finally:
        take_hint_back()


if __name__ == "__main__":
    main()
