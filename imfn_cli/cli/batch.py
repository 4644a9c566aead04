"""Several inputs: where each result goes, what is there already, and many at a time."""

import os
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..corpus.films import Cut, PartDone
from ..corpus.ledger import Ledger
from ..errors import BusyError, ImfnError, OutputError
from ..system.allocator import reuse_freed_memory
from ..system.cluster import on_cluster
from ..system.files import check_output
from ..system.jobs import Job, Outcome, Queue, in_processes, in_this_process
from ..system.remote import Stamp, is_remote, joined
from ..system.work_file import unfinished
from .output import Output, Progress

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Existing:
    """An output that is there already, and is left as it is."""

    path: Path | str


#: Outputs that are noted as begun at once: elsewhere a note is a request.
_NOTED = 256
# How often, and after how many seconds, an output that another run makes is tried again.
_BUSY_TRIES, _BUSY_SECONDS = 3, 1.0
#: Where a result goes, why there will be none, or that there is one.
#: A path, or an address.
Place = Path | str | ImfnError | Existing


def output_folder(
    output: str | None, inputs: int, *, mirrored: bool, endings: Collection[str]
) -> Path | str | None:
    """The folder that `output` names, or its address; None where it names one file, or nothing is named.

    inputs: how many there are.   mirrored: one of them is in a folder that was named.   endings: of what is
    a file for certain. Raises `OutputError` where it can be no folder, and has to be.
    """
    if output is None:
        return None
    if is_remote(output):
        return output if output.endswith("/") or inputs > 1 or mirrored else None
    path = Path(output)
    if output.endswith(("/", os.sep)) or path.is_dir():
        return path
    if inputs < 2 and not mirrored:
        return None
    if path.suffix.lower() in endings or path.exists():
        raise OutputError(f"{output}: there are {inputs} inputs; name a folder with -o {path.stem}/")
    return path


class Places:
    """The places of several outputs, all told before any work is done."""

    def __init__(
        self,
        folder: Path | str | None,
        *,
        force: bool,
        skip_existing: bool,
        update: bool = False,
        ledger: Ledger | None = None,
    ) -> None:
        """folder: that all are in, which is made; None: the folders that are named have to be there.

        update: what was made of a source that has changed, or with other settings, is made anew.
        ledger: what is known of the outputs; it gets to know of those that are taken.
        """
        self._mkdir, self._force, self._skip = isinstance(folder, Path), force, skip_existing
        self._update, self._ledger = update, ledger
        self._taken: dict[Path | str, Path | str] = {}
        self.renewed: set[Path | str] = set()
        """Places of outputs that may be written over."""

    def take(
        self,
        wanted: Path | str,
        source: Path | str,
        *,
        folder: bool = False,
        number: int | None = None,
        name: str = "",
        stamp: Stamp | None = None,
    ) -> Place:
        """`wanted`; if that is for another input (clip.mov beside clip.mp4), one with `source`'s whole name.

        folder: it will be one itself, and whoever writes it checks it.
        number, name, stamp: of the input, as the ledger takes them.
        """
        place, source = wanted, _resolved(source)
        if self._taken.get(_resolved(wanted), source) != source:
            place = _renamed(wanted, source)
        if _resolved(place) in self._taken:
            return OutputError(f"{place}: is for another of the inputs; run it alone with -o")
        self._taken[_resolved(place)] = source
        if (known := self._known(place, number, name, stamp)) is not None:
            return known
        if isinstance(place, str):
            return place
        if self._skip and place.exists() and not unfinished(place):
            return Existing(place)
        try:
            if self._mkdir:
                place.parent.mkdir(parents=True, exist_ok=True)
            if not folder:
                check_output(place, force=self._force or place in self.renewed)
        except ImfnError as error:
            return error
        except OSError as error:
            return OutputError(f"{place.parent}: cannot be made ({error.strerror or error})")
        return place

    def done_from(self, name: str, stamp: Stamp | None) -> Existing | None:
        """The output of an input, by its name, where the ledger says that it is done."""
        if self._ledger is None or stamp is None or self._force:
            return None
        place = self._ledger.done_from(name, stamp)
        if place is not None:
            self._taken[_resolved(place)] = name
        return None if place is None else Existing(place)

    def _known(self, place: Path | str, number: int | None, name: str, stamp: Stamp | None) -> Place | None:
        """What the ledger says of a place; None where it is to be looked at, or written."""
        ledger = self._ledger
        if ledger is None or number is None or stamp is None:
            return None
        target = ledger.name_of(str(place))
        ledger.inputs[number] = (target, name, stamp)
        if self._force:
            self.renewed.add(place)
            return None
        state = ledger.manifest.state(target, stamp)
        there = ledger.manifest.there(target) is not None
        if state == "done" or (there and self._skip and isinstance(place, str)):
            return Existing(place)
        if state == "stale" and self._update:
            self.renewed.add(place)
        elif state == "stale" and not self._skip:
            return OutputError(
                f"{place}: was made of what the source was before, or with other settings; "
                "make it anew with --update, or leave it with --skip-existing"
            )
        elif there and isinstance(place, str):
            return OutputError(
                f"{place}: exists already; choose another place with -o, or overwrite it with --force"
            )
        return None


def _resolved(place: Path | str) -> Path | str:
    return place.resolve() if isinstance(place, Path) else place


def _renamed(wanted: Path | str, source: Path | str) -> Path | str:
    """A place beside `wanted` that bears the source's whole name."""
    name = source.name if isinstance(source, Path) else source.rstrip("/").rsplit("/", 1)[-1]
    if isinstance(wanted, Path):
        return wanted.with_name(f"{name}{wanted.suffix}")
    return joined(wanted.rsplit("/", 1)[0], f"{name}{Path(wanted).suffix}")


@dataclass(frozen=True)
class Batch(Generic[T, R]):
    """The same work on several inputs. work: a function of a module, so that other processes find it too.

    jobs: processes.   ray: a cluster's address, which does the work then.
    unit: of progress.   ledger, values: where it is noted what came of each input, and what of a report.
    """

    out: Output
    work: Callable[[T, Progress | None], R | Cut | PartDone]
    jobs: int = 1
    ray: str | None = None
    ledger: Ledger | None = None
    values: Callable[[R], Mapping[str, Any]] = lambda _: {}
    unit: str = "frames"

    @property
    def apart(self) -> bool:
        """Whether other processes do the work."""
        return self.jobs > 1 or self.ray is not None

    def run(
        self,
        names: Sequence[str],
        places: Sequence[Place],
        task: Callable[[int], T],
        tell: Callable[[R], int],
    ) -> int:
        """Do the work for every input that has a place, and tell of each in order; returns the exit code.

        task: index → what `work` is given.   tell: prints a report, and returns its exit code.
        """
        wanted = [index for index, place in enumerate(places) if isinstance(place, Path | str)]
        try:
            with self._results(names, wanted, task) as result:

                def skip(index: int, place: Existing) -> int:
                    self.out.result(
                        {"source": names[index], "output": str(place.path), "skipped": True},
                        f"{names[index]}: {place.path} is there already",
                    )
                    return 0

                def one(index: int) -> int:
                    place = places[index]
                    if isinstance(place, Existing):
                        return skip(index, place)
                    if isinstance(place, ImfnError):
                        raise place
                    report = result(index)
                    return skip(index, report) if isinstance(report, Existing) else tell(report)

                skipped = sum(isinstance(place, Existing) for place in places)
                code = self.out.each(names, one, skipped=skipped)
        except BaseException:
            if self.ledger is not None:
                self.ledger.manifest.flush()
            raise
        if self.ledger is not None:
            self.ledger.manifest.close()
        return code

    @contextmanager
    def _results(
        self, names: Sequence[str], wanted: Sequence[int], task: Callable[[int], T]
    ) -> Iterator[Callable[[int], R | Existing]]:
        """A function that gives the report of an input, or raises what went wrong."""
        queue = Queue(self._jobs(wanted, task))
        came: dict[int, Any] = {}
        films: dict[int, _Film] = {}
        count = 0
        apart = self.apart and bool(wanted)
        with (
            self.out.progress("inputs", "inputs") if apart else nullcontext() as progress,
            closing(self._outcomes(queue, names, len(wanted))) as outcomes,
        ):

            def result(index: int) -> R | Existing:
                nonlocal count
                while index not in came:
                    job, outcome = next(outcomes)
                    if isinstance(outcome, OutputError) and self._settled(job, outcome, queue):
                        # Workers of a run that was killed may have gone on for a moment.
                        outcome = self._made_meanwhile(job.index)
                        if outcome is None:
                            continue
                    if isinstance(outcome, Cut):
                        films[job.index] = _Film(job.argument, outcome)
                        queue.add(*films[job.index].parts(job.index))
                    elif job.index in films and not films[job.index].is_over(outcome):
                        queue.add(*films[job.index].next_of(job, outcome))
                    elif job.index not in came:
                        came[job.index] = outcome
                        count += 1
                        if progress is not None:
                            progress(count, len(wanted))
                        if self.ledger is not None and not isinstance(outcome, Existing):
                            failed = isinstance(outcome, Exception)
                            self.ledger.came(job.index, outcome, {} if failed else self.values(outcome))
                # Told once; what else there is of it is in the manifest.
                outcome, came[index] = came[index], None
                if isinstance(outcome, Exception):
                    raise outcome
                return outcome

            yield result

    def _settled(self, job: Job, error: OutputError, queue: Queue) -> bool:
        """Whether it is no error: workers of a run that was killed make the output, or made it."""
        if self._made_meanwhile(job.index) is not None:
            return True
        if not isinstance(error, BusyError) or job.tries >= _BUSY_TRIES:
            return False
        job.tries += 1
        time.sleep(_BUSY_SECONDS)
        queue.add(job)
        return True

    def _made_meanwhile(self, index: int) -> Existing | None:
        ledger = self.ledger
        if ledger is None or index not in ledger.inputs:
            return None
        target, _, stamp = ledger.inputs[index]
        done = ledger.manifest.state(target, stamp) == "done"
        return Existing(ledger.place_of(target)) if done else None

    def _jobs(self, wanted: Sequence[int], task: Callable[[int], T]) -> Iterator[Job]:
        for first in range(0, len(wanted), _NOTED):
            chunk = wanted[first : first + _NOTED]
            if self.ledger is not None:
                self.ledger.begin(chunk)
            yield from (Job(index, task(index)) for index in chunk)

    def _outcomes(self, queue: Queue, names: Sequence[str], count: int) -> Generator[Outcome]:
        if self.ray is not None and count:
            most = self.jobs if self.jobs > 1 else None
            return on_cluster(queue, self.work, self.ray, most, _start_worker, (1,))
        if self.apart and count:
            threads = max(1, (os.cpu_count() or 1) // self.jobs)
            return in_processes(queue, self.work, self.jobs, _start_worker, (threads,))

        def here(job: Job) -> Any:
            with self.out.progress(f"{names[job.index]}:", self.unit) as progress:
                return self.work(job.argument, progress)

        return in_this_process(queue, here)


class _Film:
    """A film that is done in parts. task: has the fields `cut`, `part`, `join` and `spent`."""

    def __init__(self, task: Any, cut: Cut) -> None:
        self._task, self._cut = task, cut
        self._left, self._spent = cut.parts, 0.0

    def parts(self, index: int) -> list[Job]:
        """Their jobs."""
        return [
            Job(index, replace(self._task, cut=self._cut, part=number)) for number in range(self._cut.parts)
        ]

    def is_over(self, outcome: Any) -> bool:
        """Whether this outcome is the film's own, joined or failed."""
        return not isinstance(outcome, PartDone)

    def next_of(self, job: Job, outcome: PartDone) -> list[Job]:
        """What is to be done after a part: to join them after the last."""
        self._left -= 1
        self._spent += outcome.seconds
        if self._left:
            return []
        return [Job(job.index, replace(self._task, cut=self._cut, join=True, spent=self._spent))]


def _start_worker(threads: int) -> None:
    # Not before there is a worker: the command itself may need no PyTorch.
    import torch

    torch.set_num_threads(threads)
    reuse_freed_memory()
