"""docs/ARCHITECTURE.md: the files that it names are there, its floors are those that import-linter holds."""

import re
import tomllib

from .markdown import ROOT, table

PAGE = ROOT / "docs" / "ARCHITECTURE.md"
TEXT = PAGE.read_text(encoding="utf-8")
PACKAGE = ROOT / "imfn_cli"


def test_the_files_it_names_are_there() -> None:
    trees = PACKAGE, ROOT / "tests"
    places = [ROOT, PAGE.parent, *trees, *(path for tree in trees for path in tree.rglob("*/"))]
    named = {name for name in re.findall(r"[\w/.-]+\.(?:py|md|toml)\b", TEXT) if "NAME" not in name}
    assert len(named) > 30
    missing = [name for name in named if not any((place / name).is_file() for place in places)]
    assert not missing
    folders = re.findall(r"`((?:imfn_cli|tests|bitstream|results)/[\w/]*/)`", TEXT)
    assert all((ROOT / name).is_dir() or (PACKAGE / name).is_dir() for name in folders)


def test_its_floors_are_those_of_the_contract() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = config["tool"]["importlinter"]["contracts"][0]["layers"]
    floors = [
        [name.strip().removeprefix("imfn_cli.") for name in re.split("[|:]", layer)] for layer in layers
    ]
    drawing = TEXT.split("## Rooms")[1].split("beside all")[0]
    # Names stand four in, their description after several blanks.
    lines = re.findall(r"^    (\w[\w │]*?)(?:   |\n)", drawing, re.MULTILINE)
    drawn = [[name.strip() for name in line.split("│")] for line in lines]
    assert drawn == floors[:-1]
    beside = re.search(r"beside all: (.*)", TEXT)
    assert beside is not None
    assert set(re.findall(r"\w+(?=,|$| \()", beside.group(1))) >= set(floors[-1])


def test_every_room_is_drawn() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert all(re.search(rf"\b{room}\b", TEXT.split("## Words")[0]) for room in rooms)
    assert {row[0].strip("`") for row in table(PAGE, "Rooms").rows} <= rooms
