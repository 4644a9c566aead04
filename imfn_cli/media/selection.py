"""Frames start:stop of a source: which ones these are, and the errors if there are none."""

from ..errors import InputError


def check_selection(name: str, start: int, stop: int | None) -> None:
    """Raises `InputError` unless 0 <= start < stop (a stop of None means the end)."""
    if start < 0 or (stop is not None and stop < 0):
        raise InputError(f"{name}: frames are counted from 0; a negative frame number is not supported")
    if stop is not None and stop <= start:
        raise InputError(f"{name}: frames {start}:{stop} select nothing; the second number must be larger")


def select(name: str, count: int, start: int, stop: int | None) -> range:
    """The frame numbers that start:stop, checked before, selects among `count`.

    Raises `InputError` if there are none.
    """
    chosen = range(count)[start:stop]
    if not chosen:
        raise nothing_selected(name, count, start)
    return chosen


def selected(name: str, count: int, start: int, stop: int | None) -> range:
    """The frame numbers that start:stop selects among `count`.

    Raises `InputError` unless 0 <= start < stop, and if there are none.
    """
    check_selection(name, start, stop)
    return select(name, count, start, stop)


def selected_count(count: int | None, start: int, stop: int | None) -> int | None:
    """How many of `count` frames start:stop selects; None where the count is unknown (None)."""
    return None if count is None else len(range(count)[start:stop])


def nothing_selected(name: str, count: int, start: int) -> InputError:
    """The error for a selection that begins at `start`, after the last of `count` frames."""
    if count == 0:
        return InputError(f"{name}: holds no frames")
    frames = "1 frame" if count == 1 else f"{count} frames"
    return InputError(f"{name}: has {frames}, so there is no frame {start}; start at {count - 1} or before")
