"""Commands whose modules are loaded when they are called, so that `imfn --help` loads none.

One table declares a group: name → (where the command stands, its short help), in the order of the help.

    app = lazy_app(
        __package__,
        {
            "compress": ("compress:compress", "Compress videos, images or arrays into latents."),
            "bench": ("bench:bench", "Reproduce the tables of results."),
        },
        help="Compress image sequences into small memories, and restore them.",
    )

What stands at "module:attribute" is a function, as `app.command()` takes it, or an application with commands
of its own, which `lazy_app` makes as well.
"""

import importlib
from collections.abc import Mapping
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

#: Name → ("module.below.the.package:attribute", short help), in the order of the help.
Table = Mapping[str, tuple[str, str]]


def lazy_app(
    package: str, table: Table, *, help: str, name: str | None = None, add_completion: bool = False
) -> typer.Typer:
    """A group of the commands in `table`, each imported when it is called.

    package: `__package__` of the caller.   add_completion: offer --install-completion (the outermost group).

    Help, completion of names and "Did you mean …?" read the table alone. A command's module is imported when
    the command is called, for its own help, and for completion of its options. `@app.callback()` gives the
    group options of its own.
    """
    app = typer.Typer(
        name=name,
        cls=_lazy_group(package, table),
        help=help,
        no_args_is_help=True,
        add_completion=add_completion,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        # Plain help: rich would take more time to import than everything else together.
        rich_markup_mode=None,
    )
    # Typer takes an application without commands of its own for a group only if it has a callback.
    app.callback()(lambda: None)
    return app


def load_command(package: str, name: str, place: str) -> Any:
    """Import the command or group that stands at `place` ("module:attribute", below `package`)."""
    module, _, attribute = place.partition(":")
    found = getattr(importlib.import_module(f"{package}.{module}"), attribute)
    if isinstance(found, typer.Typer):
        return get_command(found)
    # An application of one command is that command.
    single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    single.command(name)(found)
    return get_command(single)


def _lazy_group(package: str, table: Table) -> type[TyperGroup]:
    class LazyGroup(TyperGroup):
        """Lists commands that are names and short helps alone; the one that is called is the real one."""

        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            for name, (_, short_help) in table.items():
                self.add_command(TyperCommand(name, short_help=short_help, rich_markup_mode=None))

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            """What the words begin with: a command's name, the command itself, and the words after it."""
            name, command, rest = super().resolve_command(ctx, args)
            if name is not None and command is not None:
                command = load_command(package, name, table[name][0])
            return name, command, rest

    return LazyGroup
