"""Pictures of the results: digits beside their restorations, and how the error grows with the length."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from ...evaluation.canvas import new_figure, save_figure
from .. import growth_plot
from .sequences import SIDE


def draw_grid(path: Path, rows: Mapping[str, Tensor], *, title: str, force: bool = True) -> None:
    """Rows of images, each with its name: images (count, 784) in [0, 1], as many in every row.

    Raises `OutputError` where `path` cannot be written, `ImfnError` without matplotlib.
    """
    figure = new_figure((14, 0.6 + 0.66 * len(rows)))
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
    save_figure(figure, path, force=force)


def draw_growth(
    path: Path, curves: Mapping[str, Sequence[tuple[int, float]]], *, title: str, force: bool = True
) -> None:
    """Mean squared error over images per memory, both axes logarithmic, with the fitted exponents.

    curves: name → (images per memory, mean squared error). Raises as `draw_grid` does.
    """
    growth_plot.draw_growth(
        path,
        curves,
        title=title,
        length="N, images per memory",
        error="mean squared error, pixels in [0, 1]",
        symbol="N",
        force=force,
    )
