"""The text: where it comes from, that it is the same every time, and that nothing is on both sides."""

from pathlib import Path

import pytest

from imfn_cli.errors import InputError
from imfn_cli.studies.language import corpus as room
from imfn_cli.studies.language.corpus import is_held_out, read_corpus


def module(folder: Path, name: str, *docstrings: str) -> None:
    functions = [f'def f{index}():\n    """{text}"""\n' for index, text in enumerate(docstrings)]
    path = folder / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(functions), encoding="utf-8")


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A standard library of a few modules, in place of Python's own, and no other text."""
    monkeypatch.setattr(room.sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(room, "_topics", lambda: iter(()))
    monkeypatch.setattr(room, "_package", lambda name: iter(()))
    return tmp_path


def names(*, held: bool) -> list[str]:
    return [name for name in (f"m{index}" for index in range(60)) if is_held_out(name) is held]


def test_the_same_text_every_time() -> None:
    once, again = read_corpus(topics_only=True), read_corpus(topics_only=True)
    assert (once.sha256, once.train) == (again.sha256, again.train)
    assert len(once.train) > 4 * len(once.held_out) > 10_000
    assert b"statement" in once.train
    assert "pydoc_data.topics of Python 3" in once.sources


def test_modules_are_on_one_side(library: Path) -> None:
    both = "This docstring stands in two modules, and counts in the first of them."
    trained, held = names(held=False)[0], names(held=True)[0]
    module(library, trained, "What the training text says, at some length, is this.", both, "Too short.")
    module(library, held, "What the held-out text says, at some length, is that.", both)
    module(library, "test/m0", "Tests are no documentation, however long their docstrings may be.")
    (library / "broken.py").write_text("def f(:")
    found = read_corpus()
    assert found.train.decode() == f"What the training text says, at some length, is this.\n\n{both}"
    assert found.held_out.decode() == "What the held-out text says, at some length, is that."
    assert (found.train_modules, found.held_out_modules) == (1, 1)
    # A module more changes no other's side.
    module(library, names(held=False)[1], "One more module, with a docstring that is long enough.")
    assert read_corpus().held_out == found.held_out
    assert read_corpus().sha256 != found.sha256


def test_a_python_without_sources_is_told(library: Path) -> None:
    with pytest.raises(InputError, match="keeps its sources"):
        read_corpus()


def test_about_a_tenth_is_held_out() -> None:
    assert 0.05 < sum(is_held_out(f"package.module{index}") for index in range(1000)) / 1000 < 0.15
