"""What the passes of a search have found so far, in a work file, so that an interrupted search can go on."""

import json
from typing import Any

from ...reports import CompressReport
from ...system.files import write_all
from ...system.work_file import WorkFile


class PassLog:
    """Passes by their number, from 1: one JSON line when a file is made, one more when it is measured."""

    def __init__(self, work: WorkFile) -> None:
        self._file = work.file
        self._found: dict[int, dict[str, Any]] = {}
        self._file.seek(work.start)
        for line in iter(self._file.readline, b""):
            if not line.endswith(b"\n"):
                break
            entry = json.loads(line)
            self._found.setdefault(entry["pass"], {}).update(entry)
            work.start += len(line)
        # A line that is cut short goes.
        self._file.truncate(work.start)
        self._file.seek(work.start)

    def report(self, number: int, quality: float) -> CompressReport | None:
        """The report of a pass whose file is made; None where it is not, or was of another quality."""
        found = self._found.get(number, {})
        if found.get("quality") != quality or "report" not in found:
            return None
        return CompressReport(**{**found["report"], "notes": tuple(found["report"]["notes"])})

    def reached(self, number: int, quality: float) -> float | None:
        """What a pass has reached; None where it was not measured, or was of another quality."""
        found = self._found.get(number, {})
        return found.get("reached") if found.get("quality") == quality else None

    def add(self, number: int, quality: float, **values: object) -> None:
        """Note `report` or `reached` of a pass. Raises OSError."""
        write_all(self._file, json.dumps({"pass": number, "quality": quality, **values}).encode() + b"\n")
