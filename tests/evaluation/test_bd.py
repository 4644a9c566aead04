"""Bjøntegaard deltas of curves whose answer is known."""

import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imfn_cli.evaluation.bd import BEST, Delta, Point, best, delta, deltas, front
from imfn_cli.evaluation.rows import Row, Setting

# It imports a plotting library, which would look for a display.
os.environ.setdefault("MPLBACKEND", "Agg")
import bjontegaard

CURVE = [Point(0.05, 28.0), Point(0.1, 31.0), Point(0.2, 33.5), Point(0.4, 36.0)]


def between(anchor: list[Point], curve: list[Point]) -> Delta:
    return delta(anchor, curve, clip="clip", names=("x264", "imfn 8:1"))


def row(clip: str, setting: Setting, rate: float, psnr: float) -> Row:
    return Row(
        clip=clip,
        codec=setting.codec,
        label=setting.label,
        model=None,
        ratio=setting.ratio,
        quality=setting.quality,
        in_float=False,
        student=False,
        gop=None,
        crf=setting.crf,
        options="",
        frames=1,
        psnr_rgb=psnr,
        psnr_yuv=psnr,
        psnr_y=psnr,
        ssim=None,
        ms_ssim=None,
        bytes=max(1, round(1000 * rate)),
        bits_per_pixel=rate,
        compress_fps=1,
        restore_fps=1,
        peak_memory_mb=1,
        psnr_per_frame=(psnr,),
    )


def rows(clip: str, codec: str, curve: list[Point], ratio: int | None = None) -> list[Row]:
    peer = codec != "imfn"
    return [
        row(
            clip, Setting(codec, ratio, None if peer else q, crf=q if peer else None, preset="medium"), *point
        )
        for q, point in enumerate(curve)
    ]


def test_half_the_bits_are_minus_50_percent() -> None:
    found = between(CURVE, [Point(rate / 2, psnr) for rate, psnr in CURVE])
    assert found.bd_rate == pytest.approx(-50, abs=1e-3)
    assert found.range == (28.0, 36.0)
    assert found.note == ""


def test_twice_the_bits_are_plus_100_percent() -> None:
    assert between(CURVE, [Point(rate * 2, psnr) for rate, psnr in CURVE]).bd_rate == pytest.approx(
        100, abs=1e-3
    )


def test_a_curve_that_lies_higher_gains_as_many_decibels() -> None:
    assert between(CURVE, [Point(rate, psnr + 1.5) for rate, psnr in CURVE]).bd_psnr == pytest.approx(
        1.5, abs=1e-3
    )


def test_a_curve_against_itself_is_nothing() -> None:
    found = between(CURVE, CURVE)
    assert (found.bd_rate, found.bd_psnr) == (0, 0)


def test_straight_lines_by_hand() -> None:
    # PSNR = 30 + 10 · log10(rate / 0.1) against 32 + 10 · log10(rate / 0.1), seen on different parts.
    anchor = [Point(0.1, 30), Point(1.0, 40)]
    curve = [Point(0.05 * 10**0.3, 32), Point(0.5 * 10**0.3, 42)]
    found = between(anchor, curve)
    gain = 32 - (30 + 10 * (0.3 - 0.30103))
    assert found.bd_psnr == pytest.approx(gain, abs=1e-3)
    assert found.bd_rate == pytest.approx(100 * (10 ** (-gain / 10) - 1), abs=1e-2)
    assert found.range == (32, 40)


def test_only_what_both_cover_counts() -> None:
    # The same line at half the bits, but the anchor's is longer.
    anchor = [Point(0.01, 20), Point(0.1, 30), Point(1.0, 40), Point(10.0, 50)]
    curve = [Point(0.05, 30), Point(0.5, 40)]
    found = between(anchor, curve)
    assert found.range == (30, 40)
    assert found.bd_rate == pytest.approx(-50, abs=1e-3)


def curves() -> st.SearchStrategy[list[Point]]:
    steps = st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.05, 5)), min_size=1, max_size=8)

    def curve(parts: list[tuple[float, float]]) -> list[Point]:
        points = [Point(0.05, 30.0)]
        for factor, gain in parts:
            points.append(Point(points[-1].rate * (1 + factor), points[-1].psnr + gain))
        return points

    return steps.map(curve)


@given(curves(), curves(), st.floats(0.8, 1.2), st.floats(-0.04, 0.04))
def test_it_is_what_the_package_of_that_name_gives(
    anchor: list[Point], curve: list[Point], scale: float, gain: float
) -> None:
    curve = [Point(rate * scale, psnr + gain) for rate, psnr in curve]
    found = between(anchor, curve)
    columns = [[getattr(p, name) for p in points] for points in (anchor, curve) for name in Point._fields]
    for ours, theirs in ((found.bd_rate, bjontegaard.bd_rate), (found.bd_psnr, bjontegaard.bd_psnr)):
        if ours is not None:
            expected = theirs(*columns, "pchip", require_matching_points=False, min_overlap=0)
            assert ours == pytest.approx(expected, abs=1e-4, rel=1e-6)


def test_no_overlap_is_said() -> None:
    found = between(CURVE, [Point(1.0, 40), Point(2.0, 44)])
    assert found.bd_rate is None
    assert found.bd_psnr is None
    assert found.range is None
    assert found.note == "no overlap in PSNR: x264 28.0 to 36.0, imfn 8:1 40.0 to 44.0 dB"


def test_overlap_in_psnr_alone_gives_a_rate_only() -> None:
    found = between(CURVE, [Point(rate * 100, psnr) for rate, psnr in CURVE])
    assert found.bd_rate == pytest.approx(9900, rel=1e-3)
    assert found.bd_psnr is None
    assert found.note == "no overlap in bits per pixel, so no BD-PSNR"


def test_a_narrow_overlap_is_said() -> None:
    found = between(CURVE, [Point(0.3, 35.5), Point(0.9, 41)])
    assert found.note == "the curves share only 0.50 dB"
    assert found.bd_rate is not None


def test_one_point_is_no_curve() -> None:
    assert between(CURVE, [Point(0.1, 30)]).note == "imfn 8:1: a curve needs two points of different PSNR"
    assert between([Point(0.1, 100), Point(0.2, 100)], CURVE).note.startswith(
        "x264: a curve needs two points"
    )


def test_front_leaves_out_what_is_beaten() -> None:
    assert front([Point(2, 30), Point(1, 31), Point(1, 29), Point(3, 32), Point(4, 32)]) == [(1, 31), (3, 32)]


def test_the_best_of_one_curve_is_that_curve() -> None:
    found = between(CURVE, best([CURVE]))
    assert found.bd_rate == pytest.approx(0, abs=0.05)
    assert found.bd_psnr == pytest.approx(0, abs=0.01)


def test_a_curve_that_bends_upwards_gains_nothing_from_its_ends() -> None:
    """A straight line from end to end would promise what no setting gives."""
    bent = [Point(1, 30), Point(10, 32), Point(100, 40), Point(1000, 60)]
    worse = [Point(900, 31), Point(3000, 60)]
    curve = best([bent, worse])
    assert all(point in curve for point in bent)
    assert between(bent, curve).bd_rate == pytest.approx(0, abs=0.1)


def test_the_best_takes_the_lower_of_two_that_cross() -> None:
    flat, steep = [Point(0.1, 30), Point(0.4, 34)], [Point(0.2, 30), Point(0.25, 34)]
    curve = best([flat, steep])
    assert curve[0] == (0.1, 30)
    assert curve[-1] == (0.25, 34)
    assert all(two.psnr > one.psnr for one, two in itertools.pairwise(curve))
    # Both cross at 32.3 dB, where the flat one needs 0.225.
    for point in curve:
        share = (point.psnr - 30) / 4
        assert point.rate == pytest.approx(min(0.1 * 4**share, 0.2 * 1.25**share))


def test_deltas_per_clip_and_on_average() -> None:
    half = [Point(rate / 2, psnr) for rate, psnr in CURVE]
    found = deltas(
        [
            *rows("a", "imfn", half, 4),
            *rows("a", "imfn", CURVE, 8),
            *rows("a", "x264", CURVE),
            *rows("b", "imfn", CURVE, 4),
            *rows("b", "imfn", [Point(5, 60), Point(6, 61)], 8),
            *rows("b", "x264", CURVE),
        ]
    )
    table = {(one.clip, one.codec): one for one in found}
    assert list(table) == [
        (clip, codec) for clip in ("a", "b", None) for codec in ("imfn 4:1", "imfn 8:1", BEST)
    ]
    assert all(one.anchor == "x264" for one in found)
    assert table["a", "imfn 4:1"].bd_rate == pytest.approx(-50, abs=1e-3)
    # Points on the curve instead of its own: a little is lost.
    assert table["a", BEST].bd_rate == pytest.approx(-50, abs=0.5)
    assert table[None, "imfn 4:1"].bd_rate == pytest.approx(-25, abs=1e-3)
    assert table[None, "imfn 4:1"].note == ""
    # Only clip a has a number for 8:1.
    assert table["b", "imfn 8:1"].bd_rate is None
    assert table[None, "imfn 8:1"].bd_rate == pytest.approx(0, abs=1e-3)
    assert table[None, "imfn 8:1"].note == "1 of 2 clips without, see there"


def test_nothing_to_compare_to() -> None:
    assert deltas(rows("a", "imfn", CURVE, 4)) == []
