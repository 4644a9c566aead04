"""Bjøntegaard deltas: how many bits, and how many dB, lie between two rate–distortion curves."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, log10
from typing import Any, NamedTuple

from . import pchip
from .rows import IMFN, Row

#: How curves are interpolated between their points: PSNR over log10 of the rate, piecewise cubic as in JVET.
METHOD = "pchip"
#: The curve of our best points over all ratios and qualities.
BEST = f"{IMFN} best"
# An overlap of fewer dB deserves a word.
_NARROW = 1.0
# dB from point to point of a curve that the best of several is made of.
_SPACING = 0.25


# x and y of the points of a curve; x rises.
_Columns = tuple[list[float], list[float]]


class Point(NamedTuple):
    """A point of a curve: bits per pixel and dB."""

    rate: float
    psnr: float


@dataclass(frozen=True)
class Delta:
    """How a curve compares to the one of `anchor`, over what both cover.

    clip: None for the mean over clips.      codec: label of the curve, or `BEST`.
    bd_rate: bits that it needs more for the same PSNR, in percent; negative is better.
    bd_psnr: PSNR that it gains at the same bits, in dB; positive is better.
    range: the PSNRs, lowest and highest, that both curves reach; what `bd_rate` is the mean over.
    note: why something is None, or what to know of it.
    """

    clip: str | None
    anchor: str
    codec: str
    bd_rate: float | None
    bd_psnr: float | None
    range: tuple[float, float] | None
    note: str

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return dict(vars(self))


def deltas(rows: Sequence[Row]) -> list[Delta]:
    """Each of our curves, and the best of all, against each peer: per clip, then the means over clips.

    A curve is one ratio over its qualities, PSNR RGB over bits per pixel of the whole file.
    """
    filed = [row for row in rows if row.bytes]
    peers = list(dict.fromkeys(row.codec for row in filed if row.codec != IMFN))
    ours = list(dict.fromkeys(row.label for row in filed if row.codec == IMFN))
    clips = list(dict.fromkeys(row.clip for row in filed))
    if not peers or not ours:
        return []
    found = []
    for clip in clips:
        here = [row for row in filed if row.clip == clip]
        for peer in peers:
            anchor = points_of(row for row in here if row.codec == peer)
            for label in ours if len(ours) == 1 else [*ours, BEST]:
                found.append(delta(anchor, _curve(here, label), clip=clip, names=(peer, label)))
    return found + _means(found)


def against_model(rows: Sequence[Row], others: Sequence[Row], name: str) -> list[Delta]:
    """Our curve of each ratio in `rows`, and the best of all, against the same of `others`, another model's.

    Per clip, then the means, that of the best last; `name` is that of the anchor.
    """
    labels = dict.fromkeys(row.label for row in rows if row.codec == IMFN)
    clips = dict.fromkeys(row.clip for row in others)
    found = []
    for label, clip in product((*labels, BEST), clips):
        anchor, curve = (_curve([row for row in some if row.clip == clip], label) for some in (others, rows))
        found.append(delta(anchor, curve, clip=clip, names=(name, label)))
    return found + _means(found)


def points_of(rows: Iterable[Row]) -> list[Point]:
    """The points of the rows that have a file: PSNR RGB over bits per pixel."""
    return [Point(row.bits_per_pixel, row.psnr_rgb) for row in rows if row.bits_per_pixel]


def delta(anchor: Iterable[Point], curve: Iterable[Point], *, clip: str, names: tuple[str, str]) -> Delta:
    """How `curve` compares to `anchor`, over what both cover."""
    one, other = front(anchor), front(curve)
    for name, points in zip(names, (one, other), strict=True):
        if len(points) < 2:
            return Delta(
                clip, *names, None, None, None, f"{name}: a curve needs two points of different PSNR"
            )
    low, high = max(one[0].psnr, other[0].psnr), min(one[-1].psnr, other[-1].psnr)
    bits = max(one[0].rate, other[0].rate) < min(one[-1].rate, other[-1].rate)
    gained = _bd_psnr(one, other) if bits else None
    if low >= high:
        ends = (
            f"{name} {points[0].psnr:.1f} to {points[-1].psnr:.1f}"
            for name, points in zip(names, (one, other), strict=True)
        )
        note = f"no overlap in PSNR: {', '.join(ends)} dB"
        return Delta(clip, *names, None, _number(gained), None, note)
    note = "" if bits else "no overlap in bits per pixel, so no BD-PSNR"
    if high - low < _NARROW:
        note = f"the curves share only {high - low:.2f} dB"
    return Delta(
        clip, *names, _number(_bd_rate(one, other)), _number(gained), (round(low, 4), round(high, 4)), note
    )


def _bd_rate(anchor: Sequence[Point], curve: Sequence[Point]) -> float:
    """Bits that `curve` needs more than `anchor` for the same PSNR, in percent."""
    rates = [([point.psnr for point in points], _log_rates(points)) for points in (anchor, curve)]
    return 100 * float(10 ** _mean_difference(*rates) - 1)


def _bd_psnr(anchor: Sequence[Point], curve: Sequence[Point]) -> float:
    """PSNR that `curve` gains over `anchor` at the same bits, in dB."""
    psnrs = [(_log_rates(points), [point.psnr for point in points]) for points in (anchor, curve)]
    return _mean_difference(*psnrs)


def _log_rates(points: Sequence[Point]) -> list[float]:
    return [log10(point.rate) for point in points]


def _mean_difference(anchor: _Columns, curve: _Columns) -> float:
    """How far `curve` lies above `anchor`, columns of x and y, on average over the x that both cover."""
    low, high = max(anchor[0][0], curve[0][0]), min(anchor[0][-1], curve[0][-1])
    return pchip.mean(*curve, low, high) - pchip.mean(*anchor, low, high)


def front(points: Iterable[Point]) -> list[Point]:
    """The points that no other beats in rate and PSNR, by rising rate; their PSNR rises too."""
    rising: list[Point] = []
    for point in sorted(points, key=lambda point: (point.rate, -point.psnr)):
        if not rising or point.psnr > rising[-1].psnr:
            rising.append(point)
    return rising


def best(curves: Iterable[Iterable[Point]]) -> list[Point]:
    """What one gets who chooses the ratio for each rate: the front of curves, each interpolated by itself.

    A point at least every `_SPACING` dB of each. So it promises at no PSNR fewer bits than the curve of some
    ratio does, but where none reaches and one must choose the next.
    """
    reached: list[Point] = []
    for curve in map(front, curves):
        reached += curve
        if len(curve) > 1:
            low, high = curve[0].psnr, curve[-1].psnr
            parts = ceil((high - low) / _SPACING)
            psnrs = [low + (high - low) * part / parts for part in range(1, parts)]
            logs = pchip.values([point.psnr for point in curve], _log_rates(curve), psnrs)
            reached += [Point(10**log, psnr) for log, psnr in zip(logs, psnrs, strict=True)]
    return front(reached)


def best_of(rows: Iterable[Row]) -> list[Point]:
    """The best curve over the ratios of our rows."""
    ours = [row for row in rows if row.codec == IMFN]
    return best(points_of(row for row in ours if row.label == label) for label in {row.label for row in ours})


def _curve(rows: Sequence[Row], label: str) -> list[Point]:
    """One clip's curve of this label."""
    if label == BEST:
        return best_of(rows)
    return points_of(row for row in rows if row.label == label)


def _means(found: Sequence[Delta]) -> list[Delta]:
    """The mean over clips of every pair of curves, in their order."""
    pairs = dict.fromkeys((one.anchor, one.codec) for one in found)
    return [_mean([one for one in found if (one.anchor, one.codec) == pair]) for pair in pairs]


def _mean(found: Sequence[Delta]) -> Delta:
    rates = [one.bd_rate for one in found if one.bd_rate is not None]
    gains = [one.bd_psnr for one in found if one.bd_psnr is not None]
    missing = len(found) - min(len(rates), len(gains))
    note = f"{missing} of {len(found)} clips without, see there" if missing else ""
    mean_rate, mean_gain = (round(sum(v) / len(v), 4) if v else None for v in (rates, gains))
    return Delta(None, found[0].anchor, found[0].codec, mean_rate, mean_gain, None, note)


def _number(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
