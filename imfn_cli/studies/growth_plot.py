"""How the error grows with the length of what one memory holds, several networks in one picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..evaluation.canvas import new_figure, save_figure, tidy
from ..evaluation.plot import fitted_exponent

_COLOURS = ("#005daf", "#3d9c86", "#b57700", "#b0417e", "#6a6a6a", "#c2410c")
_MARKS = ("o", "P", "s", "D", "^", "v")


def draw_growth(
    path: Path,
    curves: Mapping[str, Sequence[tuple[int, float]]],
    *,
    title: str,
    length: str,
    error: str,
    symbol: str,
    guide: bool = False,
    force: bool = True,
) -> None:
    """Error over length, both axes logarithmic, with the fitted exponents; below 1 growth is sublinear.

    curves: name → (length, error).   length, error: what the axes are.   symbol: of the length, for the fits.
    guide: draw also how an error would grow as fast as the length, up to the last point of the first curve.
    Raises `OutputError` where `path` cannot be written, `ImfnError` without matplotlib.
    """
    figure = new_figure((8, 5.5))
    axes = figure.add_subplot()
    for index, (name, points) in enumerate(curves.items()):
        colour, mark = _COLOURS[index % len(_COLOURS)], _MARKS[index % len(_MARKS)]
        lengths, found = (np.array(values, float) for values in zip(*points, strict=True))
        axes.plot(lengths, found, mark, color=colour, markersize=6)
        label = name
        if len(points) > 1:
            exponent, factor = fitted_exponent(points)
            axes.plot(lengths, factor * lengths**exponent, color=colour, linewidth=1, alpha=0.5)
            label = f"{name}: {symbol}^{exponent:.2f}"
        axes.plot([], [], mark, color=colour, linestyle="-", linewidth=1, label=label)
    if guide and curves:
        points = next(iter(curves.values()))
        last, top = points[-1]
        ends = np.array([points[0][0], last], float)
        label = f"{symbol}^1: as fast as the length"
        axes.plot(ends, top * ends / last, color="#6a6a6a", linewidth=1, linestyle=":", label=label)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = sorted({length for points in curves.values() for length, _ in points})
    axes.set_xticks(ticks, [str(length) for length in ticks])
    axes.minorticks_off()
    axes.set_xlabel(f"{length} (log scale)")
    axes.set_ylabel(f"{error} (log scale)")
    tidy(axes)
    axes.legend(fontsize=9, frameon=False)
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path, force=force)
