"""Reads tables, code blocks and commands out of the documents."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass
class Table:
    """A table, the heading it stands under, and its cells as text."""

    heading: str
    header: list[str]
    rows: list[list[str]]


def tables(path: Path) -> list[Table]:
    """The tables of a document, first to last."""
    found: list[Table] = []
    heading, block = "", []
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("#"):
            heading = line.lstrip("# ")
        if line.startswith("|"):
            block.append(_cells(line))
        elif block:
            found.append(Table(heading, block[0], block[2:]))
            block = []
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def table(path: Path, heading: str, number: int = 0) -> Table:
    """The table of this number under a heading."""
    return [one for one in tables(path) if one.heading == heading][number]


def commands(path: Path) -> Iterator[tuple[str, bool]]:
    """Every `imfn …` of a document, and whether it is complete.

    Those in code blocks are complete; comments, and what stands around them in a shell's loop, are cut off.
    Those in running text may be names alone, or leave arguments out.
    """
    text = path.read_text(encoding="utf-8")
    fenced = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
    blocks = fenced.findall(text)
    text = fenced.sub("", text)
    blocks += re.findall(r"^    (.*)$", text, re.MULTILINE)
    for line in (line for block in blocks for line in block.splitlines()):
        for part in re.split(r";|&&| do ", re.sub(r"\s+#.*", "", line)):
            if part.startswith("imfn "):
                yield part.strip(), True
    for span in re.findall(r"`(imfn [^`]*)`", text):
        yield " ".join(span.split()), False
