import math

from imfn_cli.training.budget import Budget


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_is_spent_and_what_is_left() -> None:
    clock = Clock()
    budget = Budget(60, before=5, clock=clock)
    clock.now += 10
    assert (budget.spent, budget.left) == (15, 45)
    assert budget.part(0.5) == 30
    clock.now += 40
    # No more than is left.
    assert budget.part(0.5) == 5
    clock.now += 40
    assert budget.left == -35
    assert budget.part(0.5) == 0


def test_a_stage_has_its_share_from_when_it_begins() -> None:
    clock = Clock()
    budget = Budget(60, clock=clock)
    clock.now += 10
    over = budget.over(0.25)
    clock.now += 14
    assert not over()
    clock.now += 1
    assert over()
    clock.now += 31
    # Behind the limit at once.
    clock.now += 10
    assert budget.over(0.25)()


def test_without_a_limit_nothing_ends() -> None:
    clock = Clock()
    budget = Budget(clock=clock)
    over = budget.over(0.1)
    clock.now += 1e9
    assert not over()
    assert budget.left == budget.part(0.1) == math.inf
    assert budget.spent == 1e9
