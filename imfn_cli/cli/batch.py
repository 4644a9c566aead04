"""Several inputs: where each result goes, what is there already, and many at a time."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from ..errors import ImfnError, OutputError
from ..system.allocator import reuse_freed_memory
from ..system.files import check_output
from ..system.work_file import unfinished
from ..system.workers import worker_processes
from .output import Output, Progress

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Existing:
    """An output that is there already, and is left as it is."""

    path: Path


#: Where a result goes, why there will be none, or that there is one.
Place = Path | ImfnError | Existing


def output_folder(
    output: str | None, inputs: int, *, mirrored: bool, endings: Collection[str]
) -> Path | None:
    """The folder that `output` names; None where it names one file, or nothing is named.

    inputs: how many there are.   mirrored: one of them is in a folder that was named.   endings: of what is
    a file for certain. Raises `OutputError` where it can be no folder, and has to be.
    """
    if output is None:
        return None
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

    def __init__(self, folder: Path | None, *, force: bool, skip_existing: bool) -> None:
        """folder: that all are in, which is made; None: the folders that are named have to be there."""
        self._mkdir, self._force, self._skip = folder is not None, force, skip_existing
        self._taken: dict[Path, Path] = {}

    def take(self, wanted: Path, source: Path, *, folder: bool = False) -> Place:
        """`wanted`; if that is for another input (clip.mov beside clip.mp4), one with `source`'s whole name.

        folder: it will be one itself, and whoever writes it checks it.
        """
        place, source = wanted, source.resolve()
        if self._taken.get(wanted.resolve(), source) != source:
            place = wanted.with_name(f"{source.name}{wanted.suffix}")
        if place.resolve() in self._taken:
            return OutputError(f"{place}: is for another of the inputs; run it alone with -o")
        self._taken[place.resolve()] = source
        if self._skip and place.exists() and not unfinished(place):
            return Existing(place)
        try:
            if self._mkdir:
                place.parent.mkdir(parents=True, exist_ok=True)
            if not folder:
                check_output(place, force=self._force)
        except ImfnError as error:
            return error
        except OSError as error:
            return OutputError(f"{place.parent}: cannot be made ({error.strerror or error})")
        return place


@dataclass(frozen=True)
class Batch(Generic[T, R]):
    """The same work on several inputs. work: a function of a module, so that other processes find it too."""

    out: Output
    work: Callable[[T, Progress | None], R]
    jobs: int = 1

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
        wanted = [index for index, place in enumerate(places) if isinstance(place, Path)]
        with self._results(names, wanted, task) as result:

            def one(index: int) -> int:
                place = places[index]
                if isinstance(place, Existing):
                    self.out.result(
                        {"source": names[index], "output": str(place.path), "skipped": True},
                        f"{names[index]}: {place.path} is there already",
                    )
                    return 0
                if isinstance(place, ImfnError):
                    raise place
                return tell(result(index))

            skipped = sum(isinstance(place, Existing) for place in places)
            return self.out.each(names, one, skipped=skipped)

    @contextmanager
    def _results(
        self, names: Sequence[str], wanted: Sequence[int], task: Callable[[int], T]
    ) -> Iterator[Callable[[int], R]]:
        """A function that gives the report of an input, or raises what went wrong."""
        if self.jobs == 1 or len(wanted) < 2:

            def here(index: int) -> R:
                with self.out.progress(f"{names[index]}:") as progress:
                    return self.work(task(index), progress)

            yield here
            return
        threads = max(1, (os.cpu_count() or 1) // self.jobs)
        with (
            worker_processes(min(self.jobs, len(wanted)), _start_worker, (threads,)) as workers,
            self.out.progress("inputs", "inputs") as progress,
        ):
            futures: dict[int, Future[R]] = {
                index: workers.submit(self.work, task(index), None) for index in wanted
            }

            def there(index: int) -> R:
                progress(sum(future.done() for future in futures.values()), len(futures))
                try:
                    return futures[index].result()
                except BrokenProcessPool as error:
                    raise ImfnError("a process died, perhaps for want of memory; try fewer --jobs") from error

            yield there


def _start_worker(threads: int) -> None:
    # Not before there is a worker: the command itself may need no PyTorch.
    import torch

    torch.set_num_threads(threads)
    reuse_freed_memory()


def below(path: Path, root: Path | None) -> Path:
    """`path` as it lies below the folder that the user named; its name alone where there is none."""
    if root is not None and path.is_relative_to(root):
        return path.relative_to(root)
    return Path(path.name)
