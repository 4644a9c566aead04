"""Which quality to try next: by the secant through the passes nearest the aim."""

from ...bitstream.quantiser import checked_quality, tenths_of_quality
from .target import Target

# A measured slope counts within these factors of the usual one: near a ratio's best PSNR little is gained,
# and what is beyond them chance made.
_FLATTEST, _STEEPEST = 1 / 16, 4.0
_LAST = 1000
#: Passes after which the search takes the nearest.
MOST_PASSES = 8


class Search:
    """A search for the quality whose file meets a target.

    guess: quality to begin with.   slope: what a step of quality adds to the position, if that is known.
    """

    def __init__(self, target: Target, guess: float, slope: float | None = None) -> None:
        self.target = target
        self._guess = tenths_of_quality(guess)
        self._slope = slope or target.slope
        self._reached: dict[int, float] = {}

    def add(self, quality: float, reached: float) -> None:
        """Learn what a quality reached."""
        self._reached[tenths_of_quality(quality)] = reached

    def next(self) -> float | None:
        """The quality to try; None once one is near enough, or no other could be nearer."""
        if not self._reached:
            return _quality(self._guess)
        if len(self._reached) >= MOST_PASSES or any(map(self.target.accepts, self._reached.values())):
            return None
        aim, points = self.target.aim, self._points()
        low = max((tenths for tenths, position in points if position < aim), default=None)
        high = min((tenths for tenths, position in points if position >= aim), default=None)
        if low is None or high is None:
            return self._beyond(high is None)
        if high - low <= 1:
            return None
        below, above = (self.target.position(self._reached[tenths]) for tenths in (low, high))
        between = low + round((aim - below) / (above - below) * (high - low))
        return _quality(min(max(between, low + 1), high - 1))

    def _beyond(self, upwards: bool) -> float | None:
        """A quality above all that were tried, or below them; None at the end of the scale."""
        tenths, position = self._points()[-1 if upwards else 0]
        if tenths == (_LAST if upwards else 0):
            return None
        away = round(10 * (self.target.aim - position) / self.slope)
        moved = max(away, 1) if upwards else min(away, -1)
        return _quality(min(max(tenths + moved, 0), _LAST))

    @property
    def slope(self) -> float:
        """What a step of quality adds to the position, near the aim."""
        if len(self._reached) < 2:
            return self._slope
        nearest = sorted(self._points(), key=lambda point: abs(point[1] - self.target.aim))[:2]
        (one, first), (other, second) = nearest
        slope = 10 * (second - first) / (other - one)
        return min(max(slope, _FLATTEST * self._slope), _STEEPEST * self._slope)

    @property
    def best(self) -> float:
        """The quality that came nearest, of those at least as good as wanted if there are any."""
        kept = [tenths for tenths, value in self._reached.items() if self.target.keeps(value)]
        return _quality(min(kept or self._reached, key=self._distance))

    def _distance(self, tenths: int) -> float:
        return abs(self.target.position(self._reached[tenths]) - self.target.aim)

    def reached(self, quality: float) -> float:
        """What a quality that was tried reached."""
        return self._reached[tenths_of_quality(quality)]

    def _points(self) -> list[tuple[int, float]]:
        """Tenths of quality and positions, by quality."""
        return [(tenths, self.target.position(value)) for tenths, value in sorted(self._reached.items())]


def _quality(tenths: int) -> float:
    return checked_quality(tenths / 10)
