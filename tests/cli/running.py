"""The command in a process of its own: what it gave, and how it takes signals."""

import fcntl
import json
import multiprocessing
import os
import signal
import sys
import termios
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imfn_cli as imfn
from imfn_cli.cli.main import main

#: Seconds after which something counts as hanging, on the slowest of machines.
PATIENCE = 300.0
#: What the server of processes imports, of all that commands load.
_PRELOADED = [
    "imfn_cli.cli.compress",
    "imfn_cli.cli.decompress",
    "imfn_cli.cli.stream",
    "imfn_cli.codec.stream",
]


@dataclass(frozen=True)
class Ran:
    """What a run of the command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> list[dict[str, Any]]:
        """The lines of stdout, each of them JSON, without Python's NaN and Infinity."""
        return [json.loads(line, parse_constant=_refused) for line in self.out.splitlines()]

    @property
    def line(self) -> str:
        """The one line of stderr, without "imfn: "."""
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("imfn: ")
        assert "Traceback" not in self.err
        return self.err.removeprefix("imfn: ").rstrip("\n")


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def environment() -> dict[str, str]:
    """For a process of its own: the package is found, installed or not, wherever it runs."""
    places = [str(Path(imfn.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}


class Running:
    """A command that runs in `folder`, to be fed through its standard input, sent signals, or killed.

    It is forked from a server that has imported PyTorch, which takes seconds, and then does as
    `python -m imfn_cli` does; `test_main.py` starts that itself.

    pipes: an empty folder, for its standard streams.
    """

    def __init__(self, words: list[str], folder: Path, pipes: Path) -> None:
        server = multiprocessing.get_context("forkserver")
        server.set_forkserver_preload(_PRELOADED)
        self._pipes = pipes
        os.mkfifo(pipes / "in")
        self._process = server.Process(target=_run, args=(words, folder, pipes))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid
        self._input = self._opened()
        self.written = 0

    def _opened(self) -> int:
        """The pipe to its standard input, once the other side is open."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                descriptor = os.open(self._pipes / "in", os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                assert self.runs, self.wait()
                assert time.monotonic() < until, "it never began"
                time.sleep(0.005)
            else:
                os.set_blocking(descriptor, True)
                return descriptor

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.is_alive()

    def rests(self) -> bool:
        """Whether all that was written is read, and every thread waits for more. Linux; elsewhere a guess."""
        tasks = Path(f"/proc/{self.pid}/task")
        if not tasks.is_dir():
            time.sleep(2)
            return True
        # Where one thread has handed over and the other has not yet woken, both sleep for a moment.
        for _ in range(20):
            unread = array("i", [0])
            fcntl.ioctl(self._input, termios.FIONREAD, unread)
            # The state stands behind the name, which is in brackets.
            states = {(task / "stat").read_text().rpartition(")")[2].split()[0] for task in tasks.iterdir()}
            if unread[0] or states != {"S"}:
                return False
            time.sleep(0.01)
        return True

    def wait_until(self, happened: Callable[[], bool]) -> None:
        """Wait for something while it runs. Fails if it ends before."""
        until = time.monotonic() + PATIENCE
        while not happened():
            assert self.runs, self.wait()
            assert time.monotonic() < until, "it did not happen"
            time.sleep(0.005)

    def write(self, data: bytes) -> None:
        """Give it `data` on its standard input; waits while the pipe is full."""
        while data:
            data = data[os.write(self._input, data) :]

    def signal(self, number: int) -> Ran:
        """Send a signal, and wait for the end; its standard input stays open until then."""
        os.kill(self.pid, number)
        return self.wait()

    def wait(self) -> Ran:
        """Wait for its end."""
        self._process.join(PATIENCE)
        assert self._process.exitcode is not None, "it does not end"
        out, err = ((self._pipes / name).read_text(encoding="utf-8") for name in ("out", "err"))
        return Ran(self._process.exitcode, out, err)

    def close(self) -> None:
        """Kill it, if it runs, and give back what it held."""
        self._process.kill()
        self._process.join()
        os.close(self._input)


def _run(words: list[str], folder: Path, pipes: Path) -> None:
    """In the new process: a program's standard streams, signals as a shell leaves them, then the command."""
    streams = (("in", os.O_RDONLY), ("out", os.O_WRONLY | os.O_CREAT), ("err", os.O_WRONLY | os.O_CREAT))
    for number, (name, how) in enumerate(streams):
        opened = os.open(pipes / name, how)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - as long as the process
    for asking in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Whoever started the tests may ignore them (as a job in the background does); the command shall not.
        signal.signal(asking, signal.SIG_DFL)
    os.chdir(folder)
    sys.argv = ["imfn", *words]
    main()
