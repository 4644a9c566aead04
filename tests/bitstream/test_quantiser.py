import pytest

from imfn_cli.bitstream.quantiser import QUALITIES, step_of_quality


def test_steps_fall_and_double_every_ten() -> None:
    steps = [step_of_quality(quality) for quality in QUALITIES]
    assert steps == sorted(steps, reverse=True)
    assert steps[100] == 1 / 255
    assert steps[0] == 1024 / 255
    for quality in range(91):
        assert steps[quality] == pytest.approx(2 * steps[quality + 10])


@pytest.mark.parametrize("quality", [-1, 101, 50.5])
def test_other_qualities_are_refused(quality: float) -> None:
    with pytest.raises(ValueError, match="whole number from 0 to 100"):
        step_of_quality(quality)  # type: ignore[arg-type]
