"""The plot: that it is drawn, and the exponent that it states."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imfn_cli.errors import OutputError
from imfn_cli.evaluation.pictures import typical, worst
from imfn_cli.evaluation.plot import error_growth, fitted_exponent, write_plot

from .test_bd import CURVE, rows


def made_up(*, floats: bool) -> dict[str, Any]:
    """A document of one clip, as far as the plot reads it."""
    found = [
        *rows("clip", "imfn", CURVE, 4),
        *rows("clip", "imfn", CURVE[1:], 8),
        *rows("clip", "x264", CURVE),
    ]
    lines = [row.to_dict() for row in found]
    if floats:
        lines += [
            {
                **lines[0],
                "ratio": ratio,
                "float": True,
                "bits_per_pixel": None,
                "psnr_per_frame": [60 - 6 * n] * 3,
            }
            for n, ratio in enumerate((2, 4, 8))
        ]
    return {"tool": "imfn 0", "rows": lines, "means": lines}


@pytest.mark.parametrize("floats", [False, True])
def test_a_picture_with_one_panel_or_two(tmp_path: Path, floats: bool) -> None:
    path = tmp_path / "plot.png"
    write_plot(path, made_up(floats=floats))
    with Image.open(path) as image:
        image.load()
        assert image.width > (1.5 if floats else 1) * image.height
        # Not empty: curves in more than one colour.
        assert len({colour for _, colour in image.convert("RGB").getcolors(1 << 24) or ()}) > 50
    with pytest.raises(OutputError, match="exists already"):
        write_plot(path, made_up(floats=floats))
    write_plot(path, made_up(floats=floats), force=True)
    assert [file.name for file in tmp_path.iterdir()] == ["plot.png"]


def test_other_formats(tmp_path: Path) -> None:
    write_plot(tmp_path / "plot.svg", made_up(floats=False))
    assert "<svg" in (tmp_path / "plot.svg").read_text()


def test_the_exponent_of_a_power_law() -> None:
    exponent, factor = fitted_exponent([(ratio, 0.25 * ratio**1.5) for ratio in (2, 4, 8, 16)])
    assert (exponent, factor) == pytest.approx((1.5, 0.25))


def test_error_growth_is_the_mean_error_not_the_mean_psnr() -> None:
    row = {"codec": "imfn", "float": True, "student": False}
    frames = [30.0, 40.0]
    growth = error_growth(
        [
            {**row, "ratio": 4, "psnr_per_frame": frames},
            {**row, "ratio": 4, "psnr_per_frame": [20.0]},
            {**row, "ratio": 2, "psnr_per_frame": [50.0]},
            {**row, "ratio": 1, "psnr_per_frame": [100.0]},
            {**row, "ratio": 2, "psnr_per_frame": [10.0], "float": False},
        ]
    )
    errors = 255**2 * 10 ** (-np.array(frames) / 10)
    assert [ratio for ratio, _ in growth] == [2, 4]
    assert growth[1][1] == pytest.approx((errors.mean() + 255**2 / 100) / 2)


def test_worst_frames_first_and_apart() -> None:
    psnr = [40.0] * 100
    psnr[50], psnr[51], psnr[10], psnr[99] = 20, 21, 30, 25
    assert worst(psnr, 3) == [50, 99, 10]
    assert worst([30.0], 8) == [0]


def test_pictures_show_the_setting_closest_to_the_defaults() -> None:
    found = [*rows("clip", "imfn", CURVE, 4), *rows("clip", "imfn", CURVE, 32), *rows("clip", "x264", CURVE)]
    row = typical(found)
    assert row is not None
    assert (row.codec, row.ratio, row.quality) == ("imfn", 32, 3)
    assert typical(rows("clip", "x264", CURVE)) is None
