import math

import pytest

from imfn_cli.training.schedule import learning_rate, learning_rate_at


def test_learning_rate_rises_and_falls_to_zero() -> None:
    rates = [learning_rate_at(1.0, part / 100, 0.1) for part in range(101)]
    assert rates[0] < 0.02
    assert rates.index(max(rates)) == 10
    assert max(rates) == 1
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == 0


def test_it_is_a_warm_up_times_half_a_cosine() -> None:
    assert learning_rate(0.02, 0.25, 0) == 0.02 * 0.25
    assert learning_rate(0.02, 7, 0) == 0.02
    assert learning_rate(0.02, 1, 0.5) == pytest.approx(0.01)
    assert learning_rate(0.02, 1, 1 / 3) == pytest.approx(0.02 * (1 + math.cos(math.pi / 3)) / 2)
    assert learning_rate(0.02, 1, 1) == learning_rate(0.02, 1, 1.5) == 0
    assert learning_rate(0.02, 1, -0.5) == 0.02


def test_a_warm_up_may_take_all() -> None:
    assert learning_rate_at(1.0, 1.0, 1.0) == 1
    assert learning_rate_at(1.0, 0.5, 1.0) == pytest.approx(0.5, abs=1e-3)
