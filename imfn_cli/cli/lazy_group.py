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
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from .help import Command, Example, sections_of, write_examples

#: Name → ("module.below.the.package:attribute", short help), in the order of the help.
Table = Mapping[str, tuple[str, str]]


def lazy_app(
    package: str,
    table: Table,
    *,
    help: str,
    name: str | None = None,
    add_completion: bool = False,
    sections: Mapping[str, Sequence[str]] | None = None,
    examples: Mapping[str, Sequence[Example]] | None = None,
) -> typer.Typer:
    """A group of the commands in `table`, each imported when it is called.

    package: `__package__` of the caller.   add_completion: offer --install-completion (the outermost group).
    sections: title → commands, as the help lists them; all under "Commands" unless given.   examples: of each
    command by its words ("models add"), and of the group itself by "".

    Help, completion of names and "Did you mean …?" read the table alone. A command's module is imported when
    the command is called, for its own help, and for completion of its options. `@app.callback()` gives the
    group options of its own.
    """
    app = typer.Typer(
        name=name,
        cls=_lazy_group(package, table, sections or {"Commands": tuple(table)}, examples or {}),
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


def load_command(
    package: str, name: str, place: str, examples: Mapping[str, Sequence[Example]] | None = None
) -> Any:
    """Import the command or group that stands at `place` ("module:attribute", below `package`).

    examples: of each command by its words.
    """
    module, _, attribute = place.partition(":")
    found = getattr(importlib.import_module(f"{package}.{module}"), attribute)
    if isinstance(found, typer.Typer):
        group: Any = get_command(found)
        for below, one in group.commands.items():
            one.examples = (examples or {}).get(f"{name} {below}", ())
        group.examples = (examples or {}).get(name, ())
        return group
    # An application of one command is that command.
    single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    single.command(name, cls=Command)(found)
    command: Any = get_command(single)
    command.examples = (examples or {}).get(name, ())
    return command


class Group(TyperGroup):
    """A group whose help ends with examples."""

    examples: Sequence[Example] = ()

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, then the commands."""
        for title, records in sections_of(self, ctx):
            with formatter.section(title):
                formatter.write_dl(records)
        self.format_commands(ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples."""
        write_examples(formatter, self.examples)


def _lazy_group(
    package: str,
    table: Table,
    sections: Mapping[str, Sequence[str]],
    of_commands: Mapping[str, Sequence[Example]],
) -> type[TyperGroup]:
    class LazyGroup(Group):
        """Lists commands that are names and short helps alone; the one that is called is the real one."""

        examples = of_commands.get("", ())

        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            for name, (_, short_help) in table.items():
                self.add_command(TyperCommand(name, short_help=short_help, rich_markup_mode=None))

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            """What the words begin with: a command's name, the command itself, and the words after it."""
            name, command, rest = super().resolve_command(ctx, args)
            if name is not None and command is not None:
                command = self.load(name)
            return name, command, rest

        def load(self, name: str) -> Any:
            """The command or group called `name`, imported."""
            return load_command(package, name, table[name][0], of_commands)

        def format_commands(self, ctx: Any, formatter: Any) -> None:
            """Write the commands, section by section."""
            for title, names in sections.items():
                with formatter.section(title):
                    formatter.write_dl([(name, table[name][1]) for name in names])

    return LazyGroup
