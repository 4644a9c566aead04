"""The command line: its commands, and what happens when one fails."""

import os
import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from .. import __version__
from ..errors import ImfnError
from .bench import bench
from .compress import compress
from .decompress import decompress
from .info import info
from .models import models
from .output import say
from .train import train
from .verify import verify

# Typer carries its own copy of click since 0.20 or so; its base exception is found through a public one.
_UsageError = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")

app = typer.Typer(
    name="imfn",
    help="Compress image sequences into small memories and restore them (Invertible Memory Flow Networks).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (compress, decompress, info, verify, models, train):
    app.command()(command)
app.add_typer(bench, name="bench")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"imfn {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(run())


def run(args: list[str] | None = None) -> int:
    """Run one command and return its exit code; every failure becomes one line on stderr.

    With IMFN_DEBUG=1 in the environment exceptions pass through, with their traceback.
    """
    debug = os.environ.get("IMFN_DEBUG") == "1"
    try:
        code = app(args=args, standalone_mode=False)
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted; nothing half-written was left")
        return 130
    except ImfnError as error:
        if debug:
            raise
        say(str(error))
        return error.exit_code
    except BrokenPipeError:
        # The reader of our stdout went away (imfn info x | head); keep Python's exit from complaining too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()  # type: ignore[attr-defined]
        else:
            say(error.format_message())  # type: ignore[attr-defined]
        return 2
    except Exception as error:
        if debug:
            raise
        say(f"{describe(error)} (IMFN_DEBUG=1 shows where)")
        return 1


def describe(error: BaseException) -> str:
    """One line for an exception that no command expected."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return "out of memory; try smaller frames, or --device cpu"
    return " ".join(f"{type(error).__name__}: {error}".split())


def _terminated(number: int, frame: FrameType | None) -> None:
    # As Ctrl-C does: unwinds through every `with`, so that temporary files go.
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
