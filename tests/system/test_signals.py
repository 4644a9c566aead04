"""Signals that ask to end."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from imfn_cli.system.signals import (
    Interrupted,
    collected_signals,
    ignored_interrupts,
    unwind_on_signals,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_unwinds(number: signal.Signals) -> None:
    unwind_on_signals()
    left = False
    try:
        with pytest.raises(Interrupted) as caught:
            os.kill(os.getpid(), number)
    finally:
        left = True
    assert caught.value.number == number
    assert left


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    unwind_on_signals()
    os.kill(os.getpid(), signal.SIGHUP)
    with collected_signals() as collected:
        os.kill(os.getpid(), signal.SIGHUP)
    assert collected == []
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


@pytest.mark.parametrize("number", ENDING)
def test_a_first_signal_is_collected_a_second_one_does_what_it_did(number: signal.Signals) -> None:
    unwind_on_signals()
    with collected_signals() as collected:
        os.kill(os.getpid(), number)
        assert collected == [number]
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), number)
    assert collected == [number]
    with pytest.raises(Interrupted):
        os.kill(os.getpid(), number)


def test_handlers_come_back() -> None:
    before = [signal.getsignal(number) for number in ENDING]
    with collected_signals():
        assert [signal.getsignal(number) for number in ENDING] != before
    assert [signal.getsignal(number) for number in ENDING] == before
    with ignored_interrupts():
        os.kill(os.getpid(), signal.SIGINT)
    assert [signal.getsignal(number) for number in ENDING] == before


def test_processes_that_are_started_ignore_interrupts() -> None:
    code = "import signal; print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)"
    with ignored_interrupts():
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "True\n"


def test_in_another_thread_nothing_is_touched() -> None:
    seen: list[list[int]] = []

    def work() -> None:
        with collected_signals() as collected, ignored_interrupts():
            seen.append(collected)

    before = [signal.getsignal(number) for number in ENDING]
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [[]]
    assert [signal.getsignal(number) for number in ENDING] == before
