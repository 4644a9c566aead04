"""What can be closed, and is at the end of a `with` block."""

from types import TracebackType
from typing import Self


class Closing:
    """A base class: `with` closes it."""

    def close(self) -> None:
        """Release what is held. Safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
