"""What the user sees: data on stdout, progress and notes on stderr, in human, JSON or quiet form."""

import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich import progress as bars
from rich.console import Console, RenderableType
from rich.table import Column
from rich.text import Text

from ..errors import ClusterError, ImfnError
from .messages import debugging, describe, escaped, hint, say, take_hint_back

# Columns of a terminal from which a bar has its rate, itself and its counts, the time left.
_WIDE, _MIDDLE, _NARROW = 96, 60, 32


class _Console(Console):
    """A console whose own styles are all that a terminal obeys; see `escaped`."""

    def render_str(self, text: str, *arguments: Any, **options: Any) -> Text:
        return super().render_str(escaped(text), *arguments, **options)


@dataclass(frozen=True)
class Output:
    """One command's voice. as_json: results as one JSON document a line; quiet: no results, no progress.

    aside: stdout carries what the command makes, so that results go to stderr.
    """

    as_json: bool = False
    quiet: bool = False
    aside: bool = False

    def __post_init__(self) -> None:
        # Loading PyTorch takes seconds: something shall show at once.
        if not self.quiet:
            hint("loading …")

    def result(self, values: dict[str, Any], *human: str | RenderableType) -> None:
        """Print a result: `values` as a JSON line, or the `human` lines and tables."""
        take_hint_back()
        stream = sys.stderr if self.aside else sys.stdout
        if self.as_json:
            stream.write(json.dumps(_finite(values), default=str, allow_nan=False) + "\n")
            stream.flush()
        elif not self.quiet:
            # Piped output must not depend on a terminal's width.
            console = _Console(file=stream, width=None if stream.isatty() else 200, highlight=False)
            for part in human:
                if isinstance(part, str):
                    # One line stays one, whatever a file is called.
                    part = part.replace("\n", "\\n")
                console.print(part, markup=False, soft_wrap=isinstance(part, str))

    def note(self, message: str) -> None:
        """Tell the user something on stderr that is no result (unless quiet)."""
        if not self.quiet:
            say(message)

    def each(self, names: Sequence[str], work: Callable[[int], int], *, skipped: int = 0) -> int:
        """Do `work(index)` for every input; one that fails is told and does not stop the others.

        skipped: how many inputs needed no work. Returns the exit code: that of a single input, 1 if any of
        several failed, else 0.
        """
        codes = []
        for index, name in enumerate(names):
            try:
                codes.append(work(index))
            except (BrokenPipeError, ClusterError):
                raise
            except Exception as error:
                if debugging():
                    raise
                say(describe(error))
                if self.as_json:
                    self.result({"source": name, "error": describe(error)})
                codes.append(error.exit_code if isinstance(error, ImfnError) else 1)
        if len(codes) == 1:
            return codes[0]
        failed = len(codes) - codes.count(0)
        if failed:
            say(f"{failed} of {len(codes)} inputs failed")
        elif skipped:
            self.note(f"{len(codes)} inputs: {len(codes) - skipped} done, {skipped} were there already")
        elif codes:
            self.note(f"{len(codes)} inputs done")
        return 1 if failed else 0

    @contextmanager
    def progress(self, what: str, unit: str = "frames") -> Iterator["Progress"]:
        """A bar on stderr with rate and time left."""
        with self.stages(unit) as update:
            yield Progress(what, update)

    @contextmanager
    def stages(self, unit: str) -> Iterator[Callable[[str, int, int | None], None]]:
        """Like `progress`, for work in named stages: the function takes (stage, done, total)."""
        if self.quiet or not sys.stderr.isatty():
            yield self._log_lines() if not self.quiet else (lambda *_: None)
            return
        take_hint_back()
        console = Console(stderr=True)
        with bars.Progress(*_columns(console.width), console=console, transient=True) as bar:
            current: dict[str, Any] = {}

            def update(stage: str, done: int, total: int | None) -> None:
                if stage not in current:
                    for task in current.values():
                        bar.remove_task(task)
                    current.clear()
                    current[stage] = bar.add_task(escaped(stage), total=total, rate="")
                speed = bar.tasks[0].speed
                rate = f"{speed:.3g} {unit}/s" if speed else ""
                bar.update(current[stage], completed=done, total=total, rate=rate)

            yield update

    def note_amid(self, message: str) -> None:
        """`note` from amid `live`: instead of its line, which comes back."""
        if sys.stderr.isatty() and not self.quiet:
            sys.stderr.write("\r\x1b[K")
        self.note(message)

    @contextmanager
    def live(self) -> Iterator[Callable[[Callable[[], str]], None]]:
        """A line on stderr about work without an end; yields a function that takes what makes its text.

        On a terminal it is rewritten in place, four times a second; in a log a line comes every ten seconds.
        """
        terminal = sys.stderr.isatty()
        last, every = time.monotonic(), 0.25 if terminal else 10.0

        def update(text: Callable[[], str]) -> None:
            nonlocal last
            if self.quiet or time.monotonic() - last < every:
                return
            last = time.monotonic()
            if terminal:
                take_hint_back()
                # A line that wraps is not rewritten in place.
                sys.stderr.write(f"\r{text()[: Console(stderr=True).width - 1]}\x1b[K")
                sys.stderr.flush()
            else:
                say(text())

        try:
            yield update
        finally:
            if terminal and not self.quiet:
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()

    @staticmethod
    def _log_lines() -> Callable[[str, int, int | None], None]:
        """Without a terminal: one line when a stage begins, so that a log shows where a long run is."""
        seen: set[str] = set()

        def update(stage: str, done: int, total: int | None) -> None:
            # Per-file bars would only repeat the results.
            if stage not in seen and ":" not in stage:
                seen.add(stage)
                say(f"{stage} …")

        return update


class Progress:
    """Work on one thing as it goes on: called with what is done so far, and in all where that is known."""

    def __init__(self, what: str, update: Callable[[str, int, int | None], None]) -> None:
        self._what = self._shown = what
        self._update = update

    def __call__(self, done: int, total: int | None) -> None:
        self._update(self._shown, done, total)

    def stage(self, called: str) -> None:
        """Begin a pass over the same thing, which counts from 0 again."""
        # Without the colon: a pass is long enough for a line in a log.
        self._shown = f"{self._what.removesuffix(':')}, {called}"
        self._update(self._shown, 0, None)


def _columns(width: int) -> list[bars.ProgressColumn]:
    """What a bar has room for in `width` columns: a name is cut, all else is whole or not there."""
    name = Column(no_wrap=True, overflow="ellipsis", ratio=1 if width < _MIDDLE else None)
    columns: list[bars.ProgressColumn] = [
        bars.TextColumn("{task.description}", markup=False, table_column=name)
    ]
    if width >= _MIDDLE:
        columns.append(bars.BarColumn(40 if width >= _WIDE else 16))
        columns.append(bars.MofNCompleteColumn(table_column=Column(no_wrap=True)))
    else:
        columns.append(bars.TaskProgressColumn(table_column=Column(no_wrap=True)))
    if width >= _WIDE:
        columns.append(bars.TextColumn("{task.fields[rate]}", table_column=Column(no_wrap=True)))
    if width >= _NARROW:
        columns.append(bars.TimeRemainingColumn(table_column=Column(no_wrap=True)))
    return columns


def _finite(value: Any) -> Any:
    """`value` with null for numbers that JSON does not have: not a number, infinite."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
