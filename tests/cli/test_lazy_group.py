"""Groups whose commands are imported when they are called."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from imfn_cli.cli.lazy_group import lazy_app

TABLE = {
    "first": ("one:first", "The first."),
    "more": ("many:app", "A group."),
    "broken": ("broken:command", "Cannot be imported."),
}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[typer.Typer]:
    """A group over a package of its own, whose modules are not imported yet."""
    folder = tmp_path / "lazy_commands"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "one.py").write_text(
        "import typer\ndef first(count: int = typer.Option(1, '--count')) -> int:\n"
        "    '''All about the first.'''\n    return count\n"
    )
    (folder / "many.py").write_text(
        "from imfn_cli.cli.lazy_group import lazy_app\n"
        "app = lazy_app(__package__, {'inner': ('broken:command', 'The inner.')}, help='Many of them.')\n"
    )
    (folder / "broken.py").write_text("raise ImportError('a part is missing')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield lazy_app("lazy_commands", TABLE, help="What all this is.")
    for name in [name for name in sys.modules if name.startswith("lazy_commands")]:
        del sys.modules[name]


def loaded() -> set[str]:
    """Modules of the package that were imported."""
    return {name for name in sys.modules if name.startswith("lazy_commands.")}


def test_help_and_suggestions_import_no_command(app: typer.Typer) -> None:
    ran = CliRunner().invoke(app, ["-h"])
    assert ran.exit_code == 0
    assert "What all this is." in ran.output
    listed = [line.split(maxsplit=1) for line in ran.output.partition("Commands:\n")[2].splitlines()]
    assert listed == [[name, short_help] for name, (_, short_help) in TABLE.items()]
    ran = CliRunner().invoke(app, ["frist"])
    assert ran.exit_code == 2
    assert "Did you mean 'first'?" in ran.output
    assert not loaded()


def test_a_command_is_imported_when_it_is_called(app: typer.Typer) -> None:
    command = get_command(app)
    assert command.main(["first", "--count", "7"], standalone_mode=False) == 7
    assert loaded() == {"lazy_commands.one"}
    ran = CliRunner().invoke(app, ["first", "--help"])
    assert ran.exit_code == 0
    assert "All about the first." in ran.output
    assert "--count" in ran.output


def test_a_group_in_a_group(app: typer.Typer) -> None:
    ran = CliRunner().invoke(app, ["more", "-h"])
    assert ran.exit_code == 0
    assert "Many of them." in ran.output
    assert "The inner." in ran.output
    assert loaded() == {"lazy_commands.many"}


@pytest.mark.parametrize("words", [["broken"], ["broken", "-h"], ["more", "inner"]])
def test_what_an_import_raises_comes_through(app: typer.Typer, words: list[str]) -> None:
    with pytest.raises(ImportError, match="a part is missing"):
        get_command(app).main(words, standalone_mode=False)
