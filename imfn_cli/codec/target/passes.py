"""Passes over a sequence, each at a quality of its own, until one meets the target.

sample of GOPs ──passes──▶ quality, slope ──▶ whole sequence ──passes──▶ file
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ... import defaults
from ...bitstream.container.latent_reader import LatentReader
from ...bitstream.open import open_latent
from ...errors import ImfnError, OutputError
from ...limits import NO_LIMITS
from ...media.psnr import psnr
from ...media.sequence import Sequence
from ...reports import CompressReport, TargetReport
from ...system.files import check_output, checked_target, writing
from ...system.threads import prefetch
from ...system.work_file import WorkFile, work_on
from ...zoo.model import Model
from ..decoder import restored_frames
from ..work import compressing
from .pass_log import PassLog
from .sample import sample_of
from .search import Search
from .target import PSNR_TOLERANCE, TOLERANCE, Target

#: `compress_sequence` or `compress_adaptive` with all but quality and progress settled.
Compress = Callable[..., CompressReport]
#: Called with the name of a pass as it begins, and with frames done and in all as it goes on.
Stage = Callable[[str], None]
Count = Callable[[int, int | None], None]


def compress_to_target(
    compress: Compress,
    sequence: Sequence,
    output: Path,
    model: Model,
    target: Target,
    *,
    gop_frames: int,
    settings: Mapping[str, Any],
    beside: int = 0,
    force: bool = False,
    resume: bool = False,
    stage: Stage = lambda _: None,
    progress: Count = lambda *_: None,
) -> CompressReport:
    """Compress `sequence` to `output` at the quality that meets `target`.

    gop_frames: after how many frames coding begins anew.   settings: what `compress` was settled with, by
    name.   resume: go on from the passes of a run that was interrupted, and leave them when this one is.
    beside: bytes of the file that no quality changes.

    A long sequence is searched by a few of its GOPs first. The file is the last pass's, or the nearest one's,
    with a note, where a better file than wanted is the worst there is. Raises ImfnError where no quality
    meets the target, and as `compress` does; nothing is left then, without `resume`.
    """
    began = time.perf_counter()
    if target.of != "size":
        beside = 0
    elif target.value <= beside:
        raise ImfnError(
            f"{sequence.name}: {target.text()} is out of reach: the model inside alone takes {beside:,} bytes"
        )
    # What is searched is the size of the rest.
    target = replace(target, value=target.value - beside)
    place = checked_target(output, force=force)
    told = compressing(sequence, model, target=f"{target.of} {target.value!r}", beside=beside, **settings)
    with work_on(place, told, resume=resume) as work:
        work.keeps_part = True
        with writing(output):
            work.part.mkdir(exist_ok=True)
        passes = _Passes(partial(compress, force=True, resume=resume), model, target, work, stage, progress)
        passes.beside = beside
        search = Search(target, defaults.QUALITY)
        sample = sample_of(sequence, gop_frames)
        if sample is not None and (target.of != "kbps" or sequence.info.frame_rate):
            wanted = replace(target, value=target.value * sample.share) if target.of == "size" else target
            search = passes.run(sample, Search(wanted, defaults.QUALITY), "sample")
            search = Search(target, search.best, search.slope)
        sampled = passes.count
        try:
            passes.run(sequence, search, "pass", keep=True)
        except OutputError as error:
            raise OutputError(str(error).replace(str(passes.trial), str(output))) from error
        report = passes.report
        assert report is not None
        notes = _judged(sequence.name, report, search, beside)
        # Checked again: somebody may have made the file while we worked.
        check_output(place, force=force)
        work.about_to_appear(passes.best)
        with writing(output):
            passes.best.replace(place)
    seconds = time.perf_counter() - began
    # Only an array within an error has none.
    assert report.quality is not None
    return replace(
        report,
        output=str(output),
        seconds=seconds,
        frames_per_second=report.frames / seconds,
        notes=(*report.notes, *notes),
        target=TargetReport(
            *(target.of, target.value + beside, search.reached(report.quality) + beside),
            *(passes.count - sampled, sampled),
        ),
    )


class _Passes:
    """Passes of one search after another.   count: so far.   best, report: the file that is kept, its own.

    beside: bytes of such files that no quality changes.
    """

    def __init__(
        self,
        compress: Compress,
        model: Model,
        target: Target,
        work: WorkFile,
        stage: Stage,
        progress: Count,
    ) -> None:
        self._compress, self._model, self._of = compress, model, target.of
        self._stage, self._progress = stage, progress
        self.trial, self.best = work.part / "trial.safetensors", work.part / "best.safetensors"
        self._log = PassLog(work)
        self.count = self.beside = 0
        self.report: CompressReport | None = None

    def run(self, sequence: Sequence, search: Search, name: str, *, keep: bool = False) -> Search:
        """Passes until `search` is over; keep: the nearest one's file becomes `best`."""
        first = self.count
        while (quality := search.next()) is not None:
            self.count += 1
            called = f"{name} {self.count - first}"
            report = self._log.report(self.count, quality)
            reached = self._log.reached(self.count, quality)
            new = report is None or reached is None
            if report is None or (new and not self.trial.exists()):
                self._stage(f"{called} at quality {quality}")
                report = self._made(sequence, quality, {} if keep else {"embed": None})
            if reached is None:
                reached = self._reached(sequence, report, called, beside=self.beside if keep else 0)
            search.add(quality, reached)
            if keep and search.best == quality:
                self.report = report
            if new:
                self._settle(quality, reached, best=self.report is report)
        return search

    def _made(self, sequence: Sequence, quality: float, how: Mapping[str, Any]) -> CompressReport:
        """Make the trial file.   how: what is settled in another way."""
        total = sequence.info.frame_count
        report = self._compress(
            *(sequence, self.trial, self._model),
            quality=quality,
            progress=lambda done: self._progress(done, total),
            **how,
        )
        self._log.add(self.count, quality, report=report.to_dict())
        return report

    def _settle(self, quality: float, reached: float, *, best: bool) -> None:
        """Keep the trial file, if it is the best, and note that the pass is over."""
        with writing(self.best):
            if best:
                self.trial.replace(self.best)
            self._log.add(self.count, quality, reached=reached)
            self.trial.unlink(missing_ok=True)

    def _reached(self, sequence: Sequence, report: CompressReport, called: str, *, beside: int) -> float:
        if self._of == "size":
            return report.bytes - beside
        reader = open_latent(self.trial, NO_LIMITS)
        if self._of == "kbps":
            return report.bytes * 8 / 1000 / _seconds(reader)
        self._stage(f"{called}, its PSNR")
        return statistics.fmean(self._psnr(sequence, reader))

    def _psnr(self, sequence: Sequence, reader: LatentReader) -> Iterator[float]:
        """PSNR in dB of each frame."""
        restored = prefetch(restored_frames(reader, self._model), 8)
        for done, (frame, found) in enumerate(zip(sequence, restored, strict=True), 1):
            yield psnr(frame.pixels, found.pixels)
            self._progress(done, reader.header.frames)


def _seconds(reader: LatentReader) -> float:
    """How long a latent's frames are shown; the last one as long as the others in the mean."""
    header = reader.header
    if reader.ticks is None:
        assert header.frame_ticks is not None
        return float(header.frames * header.frame_ticks * header.time_base)
    return float(reader.ticks.mean() * header.frames * header.time_base)


def _judged(name: str, report: CompressReport, search: Search, beside: int) -> tuple[str, ...]:
    """Notes on how near a file came. Raises ImfnError where it is worse than wanted."""
    assert report.quality is not None
    target, reached = search.target, search.reached(report.quality)
    if target.accepts(reached):
        return ()
    keeps = target.keeps(reached)
    target = replace(target, value=target.value + beside)
    nearest = f"the nearest is {target.text(reached + beside)}, of quality {report.quality}"
    if not keeps:
        raise ImfnError(
            f"{name}: {target.text()} is out of reach at ratio {report.ratio}; {nearest}; choose another "
            "ratio with -r, or another target"
        )
    if report.quality in (0, 100):
        return (f"{target.text()} is out of reach; {nearest}",)
    near = f"{PSNR_TOLERANCE} dB" if target.of == "psnr" else f"{TOLERANCE:.0%}"
    return (f"no quality comes within {near} of {target.text()}; {nearest}",)
