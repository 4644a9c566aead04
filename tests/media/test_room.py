"""The room as a whole: light to import, readers and writers apart."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import imfn_cli.media

ROOM = Path(imfn_cli.media.__file__).parent


def test_importing_the_room_loads_no_library() -> None:
    code = "import sys, imfn_cli.media; print({'av', 'PIL', 'numpy'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


@pytest.mark.parametrize(("part", "other"), [("sources", "sinks"), ("sinks", "sources")])
def test_readers_and_writers_do_not_import_one_another(part: str, other: str) -> None:
    for path in (ROOM / part).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert other not in (node.module or "").split("."), path
