"""Files whose nodes wait in the output's work file, and which appear in one rename."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ...system.files import check_output, checked_target, writing
from ...system.work_file import work_on
from .node_spool import NodeSpool


class SpooledWriter:
    """A context manager: what it writes to `_work.part` becomes the file when the block ends.

    Memory does not grow with the sequence. Whoever derives from it sets `_finished` when all is written.
    """

    def __init__(
        self,
        path: Path,
        *,
        force: bool = False,
        told: Mapping[str, Any] | None = None,
        resume: bool = False,
    ) -> None:
        """told: what the nodes depend on, so that another run can go on; resume: take up what one left.

        Raises `OutputError` if nothing may be written at `path`, another run makes it, or what was left is of
        something else.
        """
        self._path, self._force = path, force
        self._target = checked_target(path, force=force)
        with contextlib.ExitStack() as stack:
            self._work = stack.enter_context(work_on(self._target, told, resume=resume))
            self._nodes = NodeSpool(self._work)
            self._stack = stack.pop_all()
        self._finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            if not self._finished:
                raise RuntimeError(f"{type(self).__name__} left without finish()")
            # Checked again: somebody may have made the file while we worked.
            check_output(self._target, force=self._force)
            self._work.about_to_appear()
            with writing(self._path):
                self._work.part.replace(self._target)
