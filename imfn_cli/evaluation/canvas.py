"""A figure without a screen, and its way to disk."""

from pathlib import Path
from typing import Any

from ..files import replacing, writing
from .extra import require


def new_figure(size: tuple[float, float]) -> Any:
    """An empty matplotlib figure of `size` inches. Raises `ImfnError` without matplotlib."""
    require("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, path: Path, *, force: bool = True) -> None:
    """Write the figure; the path's ending says the format. Raises `OutputError`."""
    with replacing(path, force=force) as temporary, writing(path):
        figure.savefig(temporary, dpi=160)
