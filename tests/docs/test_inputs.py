"""docs/INPUTS.md names tests that there are."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = re.findall(r"\| `([\w/]+\.py)::([\w:]+)` \|$", (ROOT / "docs" / "INPUTS.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize(("file", "test"), ROWS, ids="::".join)
def test_each_row_is_shown(file: str, test: str) -> None:
    body = ast.parse((ROOT / "tests" / file).read_text()).body
    for name in test.split("::"):
        found = [
            node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name
        ]
        assert found, f"{file} has no {name}"
        body = found[0].body


def test_each_row_names_a_test() -> None:
    lines = [line for line in (ROOT / "docs" / "INPUTS.md").read_text().splitlines() if line.startswith("| ")]
    heads = sum(line.startswith(("| input |", "| output |")) for line in lines)
    assert len(lines) - heads == len(ROWS) > 40
