"""What SIGINT (Ctrl-C), SIGTERM and SIGHUP do: unwind, ask for an end, or nothing."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn


class Interrupted(BaseException):
    """A signal asks to end. It unwinds through every `with`, so that temporary files go.

    number: of the signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number


def unwind_on_signals() -> None:
    """From now on a signal to end raises `Interrupted` in the main thread. Call it there, once."""
    for number in _asking_to_end():
        signal.signal(number, _interrupt)


@contextmanager
def collected_signals() -> Iterator[list[int]]:
    """Yield a list that a first signal to end is put in; a second one does what it did before the block."""
    collected: list[int] = []
    before: dict[int, Any] = {}

    def collect(number: int, frame: FrameType | None) -> None:
        collected.append(number)
        signal.signal(number, before[number])

    for number in _asking_to_end():
        try:
            before[number] = signal.signal(number, collect)
        except ValueError:  # not in the main thread: nobody can interrupt us either
            break
    try:
        yield collected
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ignored_interrupts() -> Iterator[None]:
    """Ctrl-C does nothing in the block, nor in processes that are started in it: their parent ends them."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not in the main thread: nobody can interrupt us either
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _asking_to_end() -> list[int]:
    """The signals to end that this system has and that are not ignored (nohup, a shell's background job)."""
    numbers = (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP"))
    return [number for number in numbers if number is not None and signal.getsignal(number) != signal.SIG_IGN]


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise Interrupted(number)
