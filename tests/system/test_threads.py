import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imfn_cli.system.threads import map_ordered, prefetch


def prefetching() -> int:
    return sum(thread.name == "imfn-prefetch" for thread in threading.enumerate())


# -- prefetch --------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(items=st.lists(st.none() | st.integers()), depth=st.integers(1, 5))
def test_prefetch_gives_the_same_items(items: list[int | None], depth: int) -> None:
    assert list(prefetch(items, depth)) == items
    assert prefetching() == 0


def test_exceptions_as_items_are_items() -> None:
    items = [ValueError("an item"), KeyboardInterrupt()]
    assert list(prefetch(items, 1)) == items


def test_prefetch_works_in_another_thread_up_to_its_depth() -> None:
    made: list[int] = []
    makers = set()

    def make() -> Iterator[int]:
        for item in range(100):
            made.append(item)
            makers.add(threading.current_thread())
            yield item

    items = prefetch(make(), 3)
    assert made == []  # nothing before it is asked for
    assert next(items) == 0
    deadline = time.monotonic() + 5
    while len(made) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    # One given, three waiting, one in hand.
    assert len(made) == 5
    assert threading.current_thread() not in makers
    assert list(items) == list(range(1, 100))


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt(), SystemExit(3)])
def test_prefetch_raises_what_the_source_raises(error: BaseException) -> None:
    def make() -> Iterator[int]:
        yield 1
        yield 2
        raise error

    found: list[int] = []

    def read() -> None:
        found.extend(prefetch(make(), 1))  # extend keeps what came before the error
        found.append(-1)

    with pytest.raises(type(error)) as caught:
        read()
    assert caught.value is error
    assert found == [1, 2]
    assert prefetching() == 0


def test_leaving_early_stops_the_thread() -> None:
    endless = iter(int, 1)
    items = prefetch(endless, 2)
    assert next(items) == 0
    assert prefetching() == 1
    began = time.monotonic()
    items.close()  # type: ignore[attr-defined]
    assert prefetching() == 0
    assert time.monotonic() - began < 2


def test_an_error_downstream_stops_the_thread() -> None:
    def fail() -> None:
        for item in prefetch(iter(int, 1), 2):
            raise ZeroDivisionError(item)

    with pytest.raises(ZeroDivisionError):
        fail()
    deadline = time.monotonic() + 5
    while prefetching() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert prefetching() == 0


# -- map_ordered -----------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(items=st.lists(st.integers(), max_size=30), workers=st.integers(1, 4))
def test_map_keeps_the_order(items: list[int], workers: int) -> None:
    def slow_for_even(item: int) -> int:
        if item % 2 == 0:
            time.sleep(0.0003)
        return item * 2

    assert list(map_ordered(slow_for_even, items, workers)) == [item * 2 for item in items]


def test_map_computes_at_once_in_its_workers() -> None:
    barrier = threading.Barrier(3)

    def meet(item: int) -> str:
        barrier.wait(timeout=10)  # breaks unless three are at work together
        return threading.current_thread().name

    names = list(map_ordered(meet, range(9), 3))
    assert len(set(names)) == 3
    assert threading.current_thread().name not in names


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_map_does_not_run_ahead(workers: int) -> None:
    taken = 0

    def take() -> Iterator[int]:
        nonlocal taken
        for item in range(100):
            taken += 1
            yield item

    results = map_ordered(lambda item: item, take(), workers)
    for given_out, result in enumerate(results):
        assert result == given_out
        assert taken <= given_out + 1 + 2 * workers


def test_map_raises_in_order_what_the_function_raises() -> None:
    def fail_at_three(item: int) -> int:
        if item == 3:
            raise ZeroDivisionError("three")
        return item

    results = map_ordered(fail_at_three, range(100), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ZeroDivisionError, match="three"):
        next(results)


def test_map_raises_what_the_source_raises() -> None:
    def take() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(map_ordered(lambda item: item, take(), 2))


def test_leaving_early_drops_the_rest() -> None:
    done: list[int] = []
    results = map_ordered(done.append, range(1000), 2)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert len(done) <= 6
