"""Resident memory of this process."""

import os
import subprocess
import sys

import numpy as np
import pytest

from imfn_cli.system import peak_rss
from imfn_cli.system.peak_rss import (
    LargestRss,
    PeakRss,
    own_peak_megabytes,
    peak_megabytes,
    resident_megabytes,
)

resource = pytest.importorskip("resource")


def test_the_peak_is_that_of_the_work() -> None:
    with PeakRss() as peak:
        np.ones(40_000_000, np.uint8)
    if peak.megabytes is None:
        pytest.skip("this system does not tell")
    assert 38 < peak.megabytes < 80
    with PeakRss() as peak:
        pass
    assert peak.megabytes is not None
    assert peak.megabytes < 5


def test_work_that_fails_has_no_peak() -> None:
    peak = PeakRss()
    with pytest.raises(ZeroDivisionError), peak:
        raise ZeroDivisionError
    assert peak.megabytes is None


def test_what_is_resident_now() -> None:
    before = resident_megabytes()
    assert before is not None
    held = np.ones(40_000_000, np.uint8)
    after = resident_megabytes()
    assert after is not None
    assert after > before + 30
    assert held[0] == 1


def test_without_proc_it_is_the_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak_rss, "Path", lambda _: _Missing())
    peak = peak_megabytes(resource.getrusage(resource.RUSAGE_SELF))
    assert resident_megabytes() == pytest.approx(peak, rel=0.01)
    with PeakRss() as part:
        pass
    assert part.megabytes is None


class _Missing:
    def read_text(self) -> str:
        raise FileNotFoundError

    def write_text(self, text: str) -> None:
        raise FileNotFoundError


def test_a_system_that_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak_rss, "resource", None)
    assert resident_megabytes() is None
    watched = LargestRss()
    assert watched.look(0) is None
    assert watched.largest is None


def test_the_largest_is_kept_and_looked_at_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    values = iter([10.0, 30.0, 20.0])
    monkeypatch.setattr(peak_rss, "resident_megabytes", lambda: next(values))
    watched = LargestRss()
    assert [watched.look(frame) for frame in range(65)] == [10.0] + 64 * [30.0]
    assert watched.look(65) == 20.0
    assert watched.largest == 30.0
    assert all(watched.look(frame) == 20.0 for frame in range(66, 129))


def test_the_peak_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    before, told = own_peak_megabytes(), peak_megabytes(resource.getrusage(resource.RUSAGE_SELF))
    assert before is not None
    assert before < 1.01 * told
    with PeakRss():
        np.ones(40_000_000, np.uint8)
    assert (own_peak_megabytes() or 0) >= 38
    monkeypatch.setattr(peak_rss, "Path", lambda _: _Missing())
    assert own_peak_megabytes() == pytest.approx(told, rel=0.5)
    monkeypatch.setattr(peak_rss, "resource", None)
    assert own_peak_megabytes() is None


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX processes")
def test_the_peak_of_a_child() -> None:
    child = subprocess.Popen([sys.executable, "-c", "bytes(10**8)[0]; b'x' * 10**8"])
    _, _, usage = os.wait4(child.pid, 0)
    child.returncode = 0
    # At most: a child begins as a copy of its parent.
    assert 100 < peak_megabytes(usage) < 300 + (resident_megabytes() or 0)
