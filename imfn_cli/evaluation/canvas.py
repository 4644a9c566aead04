"""A figure without a screen, and its way to disk."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..system.files import replacing, writing
from .extra import require


def new_figure(size: tuple[float, float]) -> Any:
    """An empty matplotlib figure of `size` inches. Raises `ImfnError` without matplotlib."""
    require("matplotlib")
    # Of the extra `eval`.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: Any, which: str = "major") -> None:
    """A light grid below the curves, at `which` ticks ("major", "both"); no frame above and at the right."""
    axes.grid(True, which=which, color="#e6e6e3", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def save_figure(
    figure: Any,
    path: Path,
    *,
    dpi: int = 160,
    metadata: Mapping[str, str | None] | None = None,
    force: bool = True,
) -> None:
    """Write the figure; the path's ending says the format.

    dpi: dots per inch.   metadata: in place of matplotlib's own; None leaves a key out.
    Raises `OutputError` where `path` exists (without `force`) or cannot be written.
    """
    with replacing(path, force=force) as temporary, writing(path):
        figure.savefig(temporary, dpi=dpi, metadata=metadata)
