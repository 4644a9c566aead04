"""Pictures of the results: digits beside their restorations, and how the error grows with the length."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ...files import replacing, writing
from ..extra import require
from ..plot import fitted_exponent
from .sequences import SIDE

_COLOURS = ("#005daf", "#3d9c86", "#b57700", "#b0417e", "#6a6a6a", "#c2410c")
_MARKS = ("o", "P", "s", "D", "^", "v")


def draw_grid(path: Path, rows: Mapping[str, Tensor], *, title: str, force: bool = True) -> None:
    """Rows of images, each with its name: images (count, 784) in [0, 1], as many in every row.

    Raises `OutputError` where `path` cannot be written, `ImfnError` without matplotlib.
    """
    figure = _figure((14, 0.6 + 0.66 * len(rows)))
    axes = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    for axis, (name, images) in zip(axes, rows.items(), strict=True):
        tiles = images.reshape(-1, SIDE, SIDE).numpy()
        padded = np.pad(tiles, ((0, 0), (1, 1), (1, 1)), constant_values=0.25)
        axis.imshow(np.concatenate(padded, axis=1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_xticks([])
        axis.set_yticks([])
        axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)
        for side in axis.spines.values():
            side.set_visible(False)
    figure.suptitle(title, fontsize=11)
    _save(figure, path, force)


def draw_growth(
    path: Path, curves: Mapping[str, Sequence[tuple[int, float]]], *, title: str, force: bool = True
) -> None:
    """Mean squared error over images per memory, both axes logarithmic, with the fitted exponents.

    curves: name → (images per memory, mean squared error). Raises as `draw_grid` does.
    """
    figure = _figure((8, 5.5))
    axes = figure.add_subplot()
    for index, (name, points) in enumerate(curves.items()):
        colour, mark = _COLOURS[index % len(_COLOURS)], _MARKS[index % len(_MARKS)]
        lengths, found = (np.array(values, float) for values in zip(*points, strict=True))
        axes.plot(lengths, found, mark, color=colour, markersize=6)
        label = name
        if len(points) > 1:
            exponent, factor = fitted_exponent(points)
            axes.plot(lengths, factor * lengths**exponent, color=colour, linewidth=1, alpha=0.5)
            label = f"{name}: N^{exponent:.2f}"
        axes.plot([], [], mark, color=colour, linestyle="-", linewidth=1, label=label)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = sorted({length for points in curves.values() for length, _ in points})
    axes.set_xticks(ticks, [str(length) for length in ticks])
    axes.minorticks_off()
    axes.set_xlabel("N, images per memory (log scale)")
    axes.set_ylabel("mean squared error, pixels in [0, 1] (log scale)")
    axes.grid(True, which="major", color="#e6e6e3", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(fontsize=9, frameon=False)
    figure.suptitle(title, fontsize=11)
    _save(figure, path, force)


def _figure(size: tuple[float, float]) -> Any:
    require("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, path: Path, force: bool) -> None:
    with replacing(path, force=force) as temporary, writing(path):
        figure.savefig(temporary, dpi=160)
