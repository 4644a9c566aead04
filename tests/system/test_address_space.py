"""A process whose address space is limited ends with one line where it is too little, and never spins."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from imfn_cli.errors import LimitError
from imfn_cli.system import address_space
from imfn_cli.system.address_space import bytes_left, check_room_for_scipy

from ..cli.running import environment

resource = pytest.importorskip("resource", reason="Windows has no such limits")

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells what is used")


def test_without_a_limit() -> None:
    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        pytest.skip("the tests run under a limit")
    assert bytes_left() is None


def test_what_is_left() -> None:
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (4 << 30, resource.RLIM_INFINITY))\n"
        "from imfn_cli.system.address_space import bytes_left\n"
        "before = bytes_left(); kept = bytearray(1 << 30); print(before, bytes_left())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment(), check=True
    )
    before, after = map(int, ran.stdout.split())
    assert 1 << 31 < before < 4 << 30
    assert 1 << 30 <= before - after < 1.2 * 2**30


@pytest.mark.parametrize(("left", "fits"), [(100 << 20, False), (200 << 20, True), (None, True)])
def test_room_for_scipy(monkeypatch: pytest.MonkeyPatch, left: int | None, fits: bool) -> None:
    if importlib.util.find_spec("scipy") is None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    monkeypatch.delitem(sys.modules, "scipy.linalg", raising=False)
    monkeypatch.setattr(address_space, "bytes_left", lambda: left)
    if fits:
        check_room_for_scipy()
        return
    with pytest.raises(LimitError, match=r"^105 MB of address space are left, .*; raise ulimit -v by 28673$"):
        check_room_for_scipy()


def test_what_is_loaded_needs_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.linalg", address_space)
    monkeypatch.setattr(address_space, "bytes_left", lambda: 0)
    check_room_for_scipy()
