import pytest

from imfn_cli.bitstream.quantiser import checked_quality, step_of_quality, tenths_of_quality


def test_steps_fall_and_double_every_ten() -> None:
    steps = [step_of_quality(tenths / 10) for tenths in range(1001)]
    assert steps == sorted(set(steps), reverse=True)
    assert steps[1000] == 1 / 255
    assert steps[0] == 1024 / 255
    for tenths in range(901):
        assert steps[tenths] == pytest.approx(2 * steps[tenths + 100])
    assert [step_of_quality(quality) for quality in range(101)] == steps[::10]


@pytest.mark.parametrize("quality", [-1, -0.1, 100.1, 101, 50.55, float("nan"), float("inf")])
def test_other_qualities_are_refused(quality: float) -> None:
    with pytest.raises(ValueError, match="number from 0 to 100, with one decimal at most"):
        step_of_quality(quality)


def test_a_quality_is_whole_or_of_one_decimal() -> None:
    assert [type(checked_quality(quality)) for quality in (50, 50.0, 50.1)] == [int, int, float]
    assert [checked_quality(tenths * 0.1) for tenths in range(1001)] == [n / 10 for n in range(1001)]
    assert [tenths_of_quality(n / 10) for n in range(1001)] == list(range(1001))
