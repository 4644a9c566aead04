"""Jobs on a Ray cluster: its scheduler, its retries; here only how many are handed over at a time."""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

from ..errors import ClusterError, ImfnError
from ..version import __version__
from .jobs import TRIES, Job, Outcome, Queue, died

# Jobs that are handed over for each worker: one at work, one that waits.
_AHEAD = 2
# Seconds between two looks at how large the cluster is.
_LOOK_EVERY = 10.0
_CONNECT_SECONDS = 10.0


def on_cluster(
    queue: Queue,
    work: Callable[..., Any],
    address: str,
    count: int | None,
    start: Callable[..., None],
    arguments: tuple[Any, ...] = (),
) -> Generator[Outcome]:
    """By Ray's workers, one core each, each of which calls start(*arguments) first.

    address: "local" begins a cluster on this machine, of `count` workers (None: one for each core); "auto"
    takes the one that this machine is in; ray://host:port another. Raises `ClusterError` where there is none,
    or no Ray here, and where it goes away.
    """
    try:
        import ray
    except ImportError as error:
        raise ClusterError("--ray: Ray is not installed; pip install 'imfn[cluster]'") from error
    _connect(ray, address, count)
    try:
        remote = ray.remote(num_cpus=1, max_retries=TRIES - 1)(_at_work)
        flight: dict[Any, Job] = {}
        try:
            most, looked = _window(ray), time.monotonic()
            while True:
                if time.monotonic() - looked > _LOOK_EVERY:
                    most, looked = _window(ray), time.monotonic()
                while len(flight) < most and (job := queue.take()) is not None:
                    with _there(ray, address):
                        flight[remote.remote(__version__, (start, arguments), work, job.argument)] = job
                if not flight:
                    return
                with _there(ray, address):
                    done, _ = ray.wait(list(flight), num_returns=1, timeout=_LOOK_EVERY)
                for reference in done:
                    with _there(ray, address):
                        result = _result(ray, reference)
                    yield flight.pop(reference), result
        finally:
            for reference in flight:
                with contextlib.suppress(Exception):
                    ray.cancel(reference)
            if flight:
                # Interrupted: what runs unwinds, and takes its temporary files along.
                with contextlib.suppress(Exception):
                    ray.wait(list(flight), num_returns=len(flight), timeout=10)
    finally:
        ray.shutdown()


def _connect(ray: Any, address: str, count: int | None) -> None:
    how: dict[str, Any] = {"logging_level": "error", "log_to_driver": False}
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        if address not in ("auto", "local"):
            # Ray itself tries for minutes.
            host, _, port = address.removeprefix("ray://").rpartition(":")
            socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
        if address == "local":
            ray.init("local", num_cpus=count or os.cpu_count(), include_dashboard=False, **how)
        else:
            ray.init(address, **how)
    except Exception as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise ClusterError(
            f"--ray {address}: no cluster answers ({why:.160}); begin one with 'ray start --head', "
            "or use --ray local"
        ) from error


@contextlib.contextmanager
def _there(ray: Any, address: str) -> Iterator[None]:
    """Tell a cluster that is gone from a job that fails."""
    try:
        yield
    except (ray.exceptions.LocalRayletDiedError, ray.exceptions.RaySystemError, ConnectionError) as error:
        raise ClusterError(
            f"--ray {address}: the cluster is gone; what was finished is kept, run it again for the rest"
        ) from error


def _window(ray: Any) -> int:
    return max(1, int(_AHEAD * ray.cluster_resources().get("CPU", 1)))


def _result(ray: Any, reference: Any) -> Any:
    try:
        result, error = ray.get(reference)
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError):
        return died(TRIES)
    except (ray.exceptions.LocalRayletDiedError, ConnectionError):
        raise
    except Exception as raised:
        return ImfnError(" ".join(str(raised).split())[:300])
    return result if error is None else error


def _at_work(
    version: str,
    start: tuple[Callable[..., None], tuple[Any, ...]],
    work: Callable[..., Any],
    argument: Any,
) -> tuple[Any, Exception | None]:
    """On a worker: what `work` gives, or what it raised."""
    if version != __version__:
        return None, ImfnError(f"--ray: this worker has imfn {__version__}, not {version}; install the same")
    try:
        _begin(*start)
        return work(argument, None), None
    except Exception as error:
        return None, error


_began = False


def _begin(start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Once for each worker: Ray hands none on to another driver."""
    global _began
    if not _began:
        start(*arguments)
        _began = True
