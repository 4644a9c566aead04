"""Jobs on a Ray cluster: its scheduler, its retries; here only how many are handed over at a time."""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Generator
from typing import Any

from ..errors import ImfnError
from ..system.allocator import reuse_freed_memory
from ..version import __version__
from .jobs import TRIES, Job, Outcome, Queue, died

# Jobs that are handed over for each worker: one at work, one that waits.
_AHEAD = 2
# Seconds between two looks at how large the cluster is.
_LOOK_EVERY = 10.0
_CONNECT_SECONDS = 10.0


def on_cluster(
    queue: Queue, work: Callable[..., Any], address: str, count: int | None = None
) -> Generator[Outcome]:
    """By Ray's workers, one core each.

    address: "local" begins a cluster on this machine, of `count` workers (None: one for each core); "auto"
    takes the one that this machine is in; ray://host:port another. Raises `ImfnError` where there is none.
    """
    try:
        import ray
    except ImportError as error:
        raise ImfnError("--ray: Ray is not installed; pip install 'imfn[cluster]'") from error
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
                    flight[remote.remote(__version__, work, job.argument)] = job
                if not flight:
                    return
                done, _ = ray.wait(list(flight), num_returns=1, timeout=_LOOK_EVERY)
                for reference in done:
                    yield flight.pop(reference), _result(ray, reference)
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
        raise ImfnError(
            f"--ray {address}: no cluster answers ({why:.160}); begin one with 'ray start --head', "
            "or use --ray local"
        ) from error


def _window(ray: Any) -> int:
    return max(1, int(_AHEAD * ray.cluster_resources().get("CPU", 1)))


def _result(ray: Any, reference: Any) -> Any:
    try:
        result, error = ray.get(reference)
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError):
        return died(TRIES)
    except Exception as raised:
        return ImfnError(" ".join(str(raised).split())[:300])
    return result if error is None else error


def _at_work(version: str, work: Callable[..., Any], argument: Any) -> tuple[Any, Exception | None]:
    """On a worker: what `work` gives, or what it raised."""
    if version != __version__:
        return None, ImfnError(f"--ray: this worker has imfn {__version__}, not {version}; install the same")
    _settle()
    try:
        return work(argument, None), None
    except Exception as error:
        return None, error


_settled = False


def _settle() -> None:
    """Once for each worker."""
    global _settled
    if _settled:
        return
    import torch

    torch.set_num_threads(1)
    reuse_freed_memory()
    _settled = True
