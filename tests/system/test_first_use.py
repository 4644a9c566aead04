"""Compiling is told once, and only where something is compiled."""

from collections.abc import Iterator

import pytest

from imfn_cli.system import first_use


@pytest.fixture
def told() -> Iterator[list[str]]:
    found: list[str] = []
    first_use.when_compiling(lambda: found.append("compiling"))
    yield found
    first_use.when_compiling(lambda: None)


def test_the_first_kernel_is_told(told: list[str]) -> None:
    from numba import njit

    import imfn_cli.system.compiled  # noqa: F401 - listens to numba

    def twice(x):  # type: ignore[no-untyped-def]
        return 2 * x

    stranger = njit(twice)
    assert stranger(1) == 2
    assert told == []
    twice.__module__ = "imfn_cli.somewhere"
    own = njit(twice)
    assert (own(1), own(2), own(1.5)) == (2, 4, 3)
    assert told == ["compiling"]
