"""Many settings on many clips: rows that are measured or come from the cache, always in the same order."""

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from .. import defaults
from ..errors import ImfnError, InputError
from ..media import Source
from ..media.sequence import notes_without_alpha
from ..network import level_of_ratio
from ..version import __version__
from ..zoo import Model, load
from . import peer_coding
from .cache import RowCache, content_hash
from .clip import Clip
from .extra import installed
from .measure import Task
from .rows import IMFN, Row, Setting
from .workers import measure_tasks

#: Called with (rows done, rows in all).
Progress = Callable[[int, int], None]
#: (tasks, jobs) → each task with its row, or with why there is none, in any order; as `measure_tasks`.
Measure = Callable[[Sequence[Task], int], Generator[tuple[Task, Row | str], None, None]]
# To be raised when the same setting comes to give other numbers.
_MEASURE_VERSION = 2


@dataclass(frozen=True)
class Failure:
    """A clip, or one codec on it, that could not be measured, and why. codec: None for all of them."""

    clip: str
    codec: str | None
    error: str


@dataclass(frozen=True)
class ClipInfo:
    """What the clip is. frames: as counted where it was measured."""

    name: str
    source: str
    frames: int | None
    width: int
    height: int
    channels: int
    frame_rate: float | None
    notes: tuple[str, ...]


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


def clips_of(sources: Sequence[Source], start: int = 0, stop: int | None = None) -> list[Clip]:
    """The sources as clips, named by their file where that is not ambiguous; the same one counts once."""
    sources = list(dict.fromkeys(sources))
    short = [source.paths[0].name if len(source.paths) == 1 else source.name for source in sources]
    return [
        Clip(name if name and short.count(name) == 1 else source.name, source, start, stop)
        for name, source in zip(short, sources, strict=True)
    ]


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
    cache: Path | None = None,
    progress: Progress = lambda *_: None,
    measure: Measure = measure_tasks,
) -> Evaluation:
    """Measure every setting on every clip, `jobs` rows at a time, each in a process with one compute thread.

    Clips that cannot be read, and codecs that refuse a clip, become failures; the others go on. A row is in
    the cache as soon as it is done. measure: what does the work, here in worker processes. Raises `ImfnError`
    for what concerns all clips, such as the model.
    """
    loaded = load(model, device="cpu") if any(setting.codec == IMFN for setting in settings) else None
    check_settings(settings, loaded)
    store = RowCache(cache)
    infos: list[ClipInfo] = []
    failures: list[Failure] = []
    rows: dict[Task, Row] = {}
    keys: dict[Task, dict[str, Any]] = {}
    tasks: list[Task] = []
    for clip in clips:
        try:
            infos.append(_info(clip))
            content = content_hash(clip.source) if cache is not None else ""
        except ImfnError as error:
            failures.append(Failure(clip.name, None, str(error)))
            continue
        for setting in settings:
            task = Task(clip, setting, model, device)
            tasks.append(task)
            keys[task] = _key(task, content, loaded)
            if (row := store.get(keys[task])) is not None:
                rows[task] = replace(row, clip=clip.name, label=setting.label)
    missing = [task for task in tasks if task not in rows]
    computed = 0
    progress(len(rows), len(tasks))
    with contextlib.closing(measure(missing, jobs)) as found:
        for task, result in found:
            if isinstance(result, Row):
                store.put(keys[task], result)
                rows[task] = result
                computed += 1
                progress(len(rows), len(tasks))
            else:
                failures.append(Failure(task.clip.name, task.setting.codec, result))
    ordered = tuple(rows[task] for task in tasks if task in rows)
    counted = {row.clip: row.frames for row in ordered}
    return Evaluation(
        clips=tuple(replace(info, frames=counted.get(info.name, info.frames)) for info in infos),
        rows=ordered,
        failures=tuple(_merged(failures, settings, [clip.name for clip in clips])),
        computed=computed,
    )


def _info(clip: Clip) -> ClipInfo:
    with clip.open() as sequence:
        info = sequence.info
        rate = float(info.frame_rate) if info.frame_rate else None
        return ClipInfo(
            clip.name,
            clip.source.name,
            info.frame_count,
            info.width,
            info.height,
            info.channels,
            rate,
            notes_without_alpha(info),
        )


def _key(task: Task, content: str, model: Model | None) -> dict[str, Any]:
    """What the row of a task depends on, as JSON values."""
    setting = task.setting
    key: dict[str, Any] = {
        "tool": f"imfn {__version__}",
        "measure": _MEASURE_VERSION,
        "clip": content,
        "frames": [task.clip.start, task.clip.stop],
        # As rows of earlier versions were stored: the GOP was called a group.
        "setting": {"group" if name == "gop" else name: value for name, value in vars(setting).items()},
    }
    if not installed("pytorch_msssim"):
        # A row that lacks values must not stand in for a whole one later.
        key["without"] = ["ssim", "ms_ssim"]
    if setting.codec == IMFN:
        assert model is not None
        return {**key, "model": [model.name, model.sha256], "device": task.device}
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
