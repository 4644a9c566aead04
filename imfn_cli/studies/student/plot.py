"""The pictures of `imfn bench student`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...evaluation.canvas import new_figure, save_figure, tidy
from .age import AgeRow
from .fidelity import FidelityRow, mean_fidelity
from .latency import LatencyRow

_TREE, _COUNTER, _STUDENT = "#b57700", "#008aa6", "#332d82"
_SHADES = ("#3d9c86", "#0077b3", "#332d82")
_GRAY = "#6a6a6a"
# Inches.
_SIZE = (7.2, 5)


def plot_fidelity(path: Path, model: str, rows: Sequence[FidelityRow]) -> None:
    """PSNR of tree and student over the ratio.

    Raises `OutputError` where `path` cannot be written, `ImfnError` without matplotlib; so do the others.
    """
    figure = new_figure(_SIZE)
    axes = figure.add_subplot()
    means = mean_fidelity(rows)
    ratios = [mean["ratio"] for mean in means]
    axes.plot(ratios, [mean["psnr_tree"] for mean in means], "o-", color=_TREE, label="tree", markersize=9)
    axes.plot(ratios, [mean["psnr_student"] for mean in means], "o--", color=_STUDENT, label="student")
    axes.set_xscale("log", base=2)
    axes.set_xticks(ratios, [f"{ratio:g}:1" for ratio in ratios])
    axes.set_xlabel("frames per memory (log scale)")
    axes.set_ylabel("PSNR of restored frames (dB)")
    axes.set_title(f"Tree and student, {model}, {_clips(max(int(mean['clips']) for mean in means))}")
    axes.legend(frameon=False)
    _save(figure, path)


def plot_latency(path: Path, rows: Sequence[LatencyRow]) -> None:
    """Milliseconds a frame of every method: mean, 99th percentile and worst."""
    figure = new_figure(_SIZE)
    axes = figure.add_subplot()
    colours = {"tree": _TREE, "binary counter": _COUNTER, "student": _STUDENT}
    labels = [f"{row.method}\n{row.ratio}:1" for row in rows]
    places = range(len(rows))
    marks = ("mean_ms", "o", "mean"), ("p99_ms", "_", "99th percentile"), ("worst_ms", "v", "worst")
    shades = [colours[row.method] for row in rows]
    axes.vlines(places, [row.mean_ms for row in rows], [row.worst_ms for row in rows], colors=shades)
    for name, mark, label in marks:
        axes.scatter(places, [getattr(row, name) for row in rows], marker=mark, c=shades, s=90, label=label)
    axes.set_yscale("log")
    axes.set_xticks(places, labels, fontsize=8)
    axes.set_ylabel("milliseconds a frame (log scale)")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    threads = rows[0].threads
    axes.set_title(f"Latency at 320×240, {threads} thread{'s' if threads != 1 else ''}")
    axes.legend(frameon=False)
    _save(figure, path)


def plot_ages(path: Path, model: str, rows: Sequence[AgeRow]) -> None:
    """PSNR over the age of a frame, one line per method, for ages that at least half of the clips reach."""
    figure = new_figure(_SIZE)
    axes = figure.add_subplot()
    clips = max(row.clips for row in rows)
    shades = iter(_SHADES)
    for method in dict.fromkeys(row.method for row in rows):
        here = [row for row in rows if row.method == method and 2 * row.clips >= clips]
        if method.startswith("forget"):
            style = {"color": next(shades, _STUDENT), "linewidth": 2}
        else:
            style = {"color": _TREE if method.startswith("last") else _GRAY, "linestyle": "--"}
        axes.plot([row.age + 1 for row in here], [row.psnr for row in here], label=method, **style)
    axes.set_xscale("log", base=2)
    ticks = [1 << power for power in range(9)]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xlabel("age of the frame, newest 1 (log scale)")
    axes.set_ylabel("PSNR (dB)")
    axes.set_title(f"One memory of an endless sequence, {model}, {_clips(clips)}")
    axes.legend(frameon=False)
    _save(figure, path)


def _clips(count: int) -> str:
    return f"{count} clip{'s' if count != 1 else ''}"


def _save(figure: Any, path: Path) -> None:
    for axes in figure.axes:
        tidy(axes)
    # No version of matplotlib: the same rows give the same bytes.
    save_figure(figure, path, dpi=130, metadata={"Software": None})
