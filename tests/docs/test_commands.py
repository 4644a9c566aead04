"""Commands in the documents: each one parses, and the README's five are run."""

import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from imfn_cli import read_frames
from imfn_cli.cli.main import app

from .markdown import ROOT, commands, table

DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    ROOT / "packages" / "mnist" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


def found() -> list[tuple[str, str, bool]]:
    """(document, command, whether it is complete) of every command in a document, each once."""
    every = [(path.name, *command) for path in DOCUMENTS for command in commands(path)]
    return list(dict.fromkeys(every))


def test_there_are_commands() -> None:
    assert sum(complete for *_, complete in found()) > 30


@pytest.mark.parametrize(("document", "command", "complete"), found())
def test_it_parses(document: str, command: str, complete: bool) -> None:
    """Command and options exist; of a complete one values fit and nothing is missing. Nothing runs."""
    words = shlex.split(command.replace("$s", "7").replace("COMMAND", "compress"))[1:]
    one: Any = typer.main.get_command(app)
    while words and hasattr(one, "resolve_command") and not words[0].startswith("-"):
        # Raises where there is no such command.
        _, one, words = one.resolve_command(one.context_class(one), words)
    unknown = [word for word in words if re.match(r"--?[a-z]", word) and word not in options_of(one)]
    assert not unknown
    if complete:
        one.make_context(command, words)


def options_of(command: Any) -> set[str]:
    """The options that a command takes."""
    return {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {
        "-h",
        "--help",
    }


@pytest.fixture
def here(clip_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a small clip.mp4 in it, and imfn working there."""
    shutil.copy(clip_path, tmp_path / "clip.mp4")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def readme_commands() -> dict[str, str]:
    """The five, by the name of their command."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.split("## Five commands")[1].split("```")[1]
    lines = [line for line in block.splitlines() if line.startswith("imfn ")]
    return {line.split()[1]: re.sub(r"\s+#.*", "", line) for line in lines}


@pytest.fixture
def plain(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes from now on find the core dependencies alone, as after `pip install imfn`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {
        re.split(r"[<>=\[]", wanted)[0].replace("-", "_")
        for wanted in itertools.chain(*project["optional-dependencies"].values())
    }
    folder = tmp_path_factory.mktemp("plain")
    # Python imports this module when it starts; None keeps a package from being imported, or found.
    lines = ["import sys", f"sys.modules.update(dict.fromkeys({sorted(extras)!r}))"]
    (folder / "sitecustomize.py").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(ROOT)]))


@pytest.mark.usefixtures("plain")
def test_the_readmes_five_on_a_plain_install(here: Path) -> None:
    five = readme_commands()
    assert list(five) == ["compress", "decompress", "info", "eval", "stream"]
    # Two settings: the same commands, sooner done. No camera is here.
    shorter = {"eval": " --frames 0:16 -r 16 -q 20,60 -j 1 --crf x264=20,40", "stream": " --frames 16"}
    five["stream"] = five["stream"].replace("camera:0", "clip.mp4")
    printed = {}
    for name, command in five.items():
        words = [sys.executable, "-m", "imfn_cli", *shlex.split(command + shorter.get(name, ""))[1:]]
        ran = subprocess.run(words, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        printed[name] = ran.stdout
        assert ran.stderr.count("pip install") == (name == "eval"), ran.stderr
    assert "BD-rate" in printed["eval"]
    assert "SSIM" not in printed["eval"]
    assert {"clip.safetensors", "clip.restored.mp4", "live.safetensors"} <= {p.name for p in here.iterdir()}
    assert len(list(read_frames(here / "live.safetensors"))) == 16


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 90


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), target


def test_the_readmes_table_is_of_the_results() -> None:
    """Its rows are those of docs/RESULTS.md."""
    wanted = table(ROOT / "docs" / "RESULTS.md", "Against video codecs")
    shown = table(ROOT / "README.md", "Results")
    assert shown.header == wanted.header
    assert all(row in wanted.rows for row in shown.rows)
