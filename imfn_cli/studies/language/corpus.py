"""English text that is on every machine: docstrings of Python and NumPy, and Python's language reference.

Modules are parsed, not imported. The same versions of Python and NumPy give the same bytes everywhere; which
bytes they were says their SHA-256.
"""

import ast
import hashlib
import sysconfig
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from platform import python_version

from ...errors import InputError

# Not documentation, or not on every machine.
_LEFT_OUT = {"test", "tests", "testing", "site-packages", "idlelib", "lib2to3", "turtledemo", "__pycache__"}
# Shorter docstrings say little: "See the base class."
_SHORTEST = 40
# One module in so many is held out.
_HELD_OUT = 10


@dataclass(frozen=True)
class Corpus:
    """Text as UTF-8 bytes, split by module. held_out: of modules of which nothing is in `train`."""

    train: bytes
    held_out: bytes
    train_modules: int
    held_out_modules: int
    sources: str

    @property
    def sha256(self) -> str:
        """Of all bytes, those for training first."""
        return hashlib.sha256(self.train + self.held_out).hexdigest()


def read_corpus(*, topics_only: bool = False) -> Corpus:
    """All text of this machine; of `pydoc_data.topics` alone with `topics_only`, which is quick.

    A docstring that several modules have counts once. Raises `InputError` where Python is installed without
    its sources.
    """
    seen: set[str] = set()
    parts: tuple[list[str], list[str]] = [], []
    modules = list(_topics()) if topics_only else [*_topics(), *_standard_library(), *_package("numpy")]
    # Training modules first: what both have is then in them alone.
    for held in (False, True):
        for name, texts in modules:
            if is_held_out(name) is held:
                fresh = [text for text in dict.fromkeys(texts) if len(text) >= _SHORTEST and text not in seen]
                seen.update(fresh)
                if fresh:
                    parts[held].append("\n\n".join(fresh))
    train, held_out = ("\n\n\n".join(part).encode() for part in parts)
    if not train or not held_out:
        raise InputError(
            "Python's standard library has no docstrings here; use a Python that keeps its sources"
        )
    return Corpus(train, held_out, len(parts[0]), len(parts[1]), _sources(topics_only))


def is_held_out(module: str) -> bool:
    """Whether a module is for measuring: by its name alone, so that no other module changes that."""
    return hashlib.sha256(module.encode()).digest()[0] % _HELD_OUT == 0


def _sources(topics_only: bool) -> str:
    python = f"Python {python_version()}"
    if topics_only:
        return f"pydoc_data.topics of {python}"
    import numpy

    return f"docstrings and pydoc_data.topics of {python}, docstrings of NumPy {numpy.__version__}"


def _topics() -> Iterator[tuple[str, list[str]]]:
    """Chapters of the language reference; each counts as a module."""
    from pydoc_data.topics import topics

    for name in sorted(topics):
        yield f"pydoc_data.topics:{name}", [topics[name]]


def _standard_library() -> Iterator[tuple[str, list[str]]]:
    return _docstrings(Path(sysconfig.get_path("stdlib")), "")


def _package(name: str) -> Iterator[tuple[str, list[str]]]:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return _docstrings(Path(spec.origin).parent, f"{name}.")


def _docstrings(folder: Path, prefix: str) -> Iterator[tuple[str, list[str]]]:
    """(module, its docstrings in their order) of every module below `folder` that can be parsed."""
    for path in sorted(folder.rglob("*.py"), key=lambda path: path.relative_to(folder).parts):
        parts = path.relative_to(folder).with_suffix("").parts
        if _LEFT_OUT.intersection(parts):
            continue
        try:
            with warnings.catch_warnings():
                # Of escapes in others' code.
                warnings.simplefilter("ignore")
                tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        found = [ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, kinds)]
        yield prefix + ".".join(parts), [text for text in found if text]
