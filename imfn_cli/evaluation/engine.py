"""Many settings on many clips: rows that are measured or come from the cache, always in the same order."""

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from .. import defaults
from ..errors import ImfnError, InputError
from ..media import Source
from ..network import level_of_ratio
from ..version import __version__
from ..zoo import Model, load
from . import peer_coding
from .cache import RowCache
from .clip import Clip, ClipInfo
from .extra import installed
from .measure import Measured, Task
from .rows import IMFN, Row, Setting
from .workers import measure_tasks

#: Called with (rows done, rows in all).
Progress = Callable[[int, int], None]
#: (tasks, jobs, a cluster's address) → each task with what came of it, in any order; as `measure_tasks`.
Measure = Callable[[Sequence[Task], int, str | None], Generator[tuple[Task, Measured], None, None]]
# To be raised when the same setting comes to give other numbers.
_MEASURE_VERSION = 2


@dataclass(frozen=True)
class Failure:
    """A clip, or one codec on it, that could not be measured, and why. codec: None for all of them."""

    clip: str
    codec: str | None
    error: str


@dataclass(frozen=True)
class Evaluation:
    """What came out: clips, rows clip by clip in the order of the settings, and what failed.

    computed: how many of the rows were not in the cache.
    """

    clips: tuple[ClipInfo, ...]
    rows: tuple[Row, ...]
    failures: tuple[Failure, ...]
    computed: int

    def whole(self) -> Self:
        """Itself: a table with holes is none. Raises `InputError` where anything failed, with the first."""
        if self.failures:
            raise InputError(f"{self.failures[0].clip}: {self.failures[0].error}")
        return self


def settings_of(
    ratios: Sequence[int | str],
    qualities: Sequence[float],
    *,
    in_float: bool = False,
    student: bool = False,
    gop: int = defaults.GOP,
    against: Sequence[Setting] = (),
) -> list[Setting]:
    """Every ratio at every quality, every ratio in float if asked for, then the peers' settings.

    Memories in float, and students, are of trees with a ratio, not of adaptive forests.
    student: all of ours by the student too.   gop: of all files.
    """
    files = [
        Setting(IMFN, ratio=ratio, quality=quality, gop=gop) for ratio in ratios for quality in qualities
    ]
    trees = [ratio for ratio in ratios if isinstance(ratio, int)]
    floats = [Setting(IMFN, ratio=ratio, in_float=True) for ratio in trees] if in_float else []
    fixed = [setting for setting in (*files, *floats) if isinstance(setting.ratio, int)]
    students = [replace(setting, student=True) for setting in fixed] if student else []
    return list(dict.fromkeys([*files, *floats, *students, *against]))


def check_settings(settings: Sequence[Setting], model: Model | None) -> None:
    """Raise `ImfnError` for what fails on every clip: a ratio, a missing encoder or student."""
    for setting in settings:
        if setting.codec != IMFN:
            peer_coding.check(setting.codec)
        elif isinstance(setting.ratio, int) and model is not None:
            level_of_ratio(setting.ratio, model.network.config.levels)
            if setting.student:
                model.student(setting.ratio)


def evaluate(
    clips: Sequence[Clip],
    settings: Sequence[Setting],
    *,
    model: str | None = None,
    device: str = "cpu",
    jobs: int = 1,
    ray: str | None = None,
    cache: Path | None = None,
    progress: Progress = lambda *_: None,
    failed: Callable[[Failure], None] = lambda _: None,
    measure: Measure = measure_tasks,
) -> Evaluation:
    """Measure every setting on every clip, `jobs` rows at a time, each in a process with one compute thread.

    ray: a cluster's address, which does the work then. Clips that cannot be read, and codecs that refuse a
    clip, become failures, of which `failed` is told at once, the same once for a clip; the others go on. A
    row is in the cache as soon as it is done. measure: what does the work, here in worker processes. Raises
    `ImfnError` for what concerns all clips, such as the model.
    """
    loaded = load(model, device="cpu") if any(setting.codec == IMFN for setting in settings) else None
    check_settings(settings, loaded)
    depends = {setting: _depends_on(setting, loaded, device) for setting in settings}
    store = RowCache(cache)
    infos: dict[str, ClipInfo] = {}
    failures = _Failures(failed)
    rows: dict[Task, Row] = {}
    keys: dict[Task, dict[str, Any]] = {}
    tasks: list[Task] = []
    for clip in clips:
        try:
            _check_there(clip)
            content = store.content_of(clip.source)
            here = [Task(clip, setting, model, device) for setting in settings]
            for task in here:
                if content is None:
                    continue
                key = {**depends[task.setting], "clip": content, "frames": [clip.start, clip.stop]}
                kept = store.get(key)
                if kept is None:
                    keys[task] = key
                    continue
                rows[task] = replace(kept.row, clip=clip.name, label=task.setting.label)
                if kept.clip is not None:
                    infos[clip.name] = replace(kept.clip, name=clip.name, source=clip.source.name)
            if clip.name not in infos and all(task in rows for task in here):
                # Rows of earlier versions say nothing of their clip.
                with clip.open() as sequence:
                    infos[clip.name] = ClipInfo.of(clip, sequence)
        except ImfnError as error:
            failures.add(Failure(clip.name, None, str(error)))
            continue
        tasks += here
    missing = [task for task in tasks if task not in rows]
    computed = done = 0
    progress(len(rows), len(tasks))
    with contextlib.closing(measure(missing, jobs, ray)) as found:
        for done, (task, measured) in enumerate(found, 1):
            if measured.clip is not None:
                infos[task.clip.name] = measured.clip
            if measured.row is None:
                failures.add(Failure(task.clip.name, task.setting.codec, measured.error))
            else:
                if task in keys:
                    store.put(keys.pop(task), measured.row, measured.clip)
                rows[task] = measured.row
                computed += 1
            progress(len(tasks) - len(missing) + done, len(tasks))
    ordered = tuple(rows[task] for task in tasks if task in rows)
    counted = {row.clip: row.frames for row in ordered}
    told = [infos[clip.name] for clip in clips if clip.name in infos]
    return Evaluation(
        clips=tuple(replace(info, frames=counted.get(info.name, info.frames)) for info in told),
        rows=ordered,
        failures=tuple(_merged(failures.found, settings, [clip.name for clip in clips])),
        computed=computed,
    )


class _Failures:
    """What failed so far. told: called with each that is new."""

    def __init__(self, told: Callable[[Failure], None]) -> None:
        self.found: list[Failure] = []
        self._told, self._known = told, set[tuple[str, str]]()

    def add(self, failure: Failure) -> None:
        """Take one more."""
        self.found.append(failure)
        if (failure.clip, failure.error) not in self._known:
            self._known.add((failure.clip, failure.error))
            self._told(failure)


def _check_there(clip: Clip) -> None:
    """Raise `InputError` for what is not there, before a process is begun for it."""
    if isinstance(clip.source, Source) and clip.source.kind in ("missing", "stdin"):
        clip.open().close()


def _depends_on(setting: Setting, model: Model | None, device: str) -> dict[str, Any]:
    """What a row of a setting depends on beside its clip, as JSON values."""
    key: dict[str, Any] = {
        "tool": f"imfn {__version__}",
        "measure": _MEASURE_VERSION,
        # As rows of earlier versions were stored: the GOP was called a group.
        "setting": {"group" if name == "gop" else name: value for name, value in vars(setting).items()},
    }
    if not installed("pytorch_msssim"):
        # A row that lacks values must not stand in for a whole one later.
        key["without"] = ["ssim", "ms_ssim"]
    if setting.codec == IMFN:
        assert model is not None
        return {**key, "model": [model.name, model.sha256], "device": device}
    return {**key, "options": peer_coding.options_of(setting), "ffmpeg": peer_coding.libraries()}


def _merged(
    failures: Sequence[Failure], settings: Sequence[Setting], clips: Sequence[str]
) -> Iterator[Failure]:
    """One failure per clip and reason, in the order of the clips; codec None where it hit all alike."""
    every = {setting.codec for setting in settings}
    for clip in clips:
        reasons: dict[str, set[str | None]] = {}
        for failure in failures:
            if failure.clip == clip:
                reasons.setdefault(failure.error, set()).add(failure.codec)
        for error, codecs in reasons.items():
            if None in codecs or codecs == every:
                yield Failure(clip, None, error)
            else:
                yield from (Failure(clip, codec, error) for codec in sorted(map(str, codecs)))
