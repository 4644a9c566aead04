"""The picture: what memories of the windows that are over are worth."""

from pathlib import Path

from ...evaluation.canvas import new_figure, save_figure, tidy
from .results import LanguageResults

_COLOURS = ("#6a6a6a", "#3d9c86", "#4b90d9", "#005daf", "#b57700", "#b0417e", "#c2410c")
_MARKS = ("^", "P", "v", "o", "X", "s", "D")


def draw_predictions(path: Path, results: LanguageResults, *, force: bool = True) -> None:
    """Part of the past's worth that memories keep, over the ratio: 100% with the original states, 0% without.

    Raises `OutputError` where `path` cannot be written, `ImfnError` without matplotlib.
    """
    figure = new_figure((8, 5.5))
    axes = figure.add_subplot()
    for index, name in enumerate(dict.fromkeys(row.model for row in results.rows)):
        # Where the past is worth nothing there is no part of it.
        points = [
            (row.ratio, 100 * row.kept) for row in results.rows if row.model == name and row.kept is not None
        ]
        mark = f"{_MARKS[index % len(_MARKS)]}-"
        colour = _COLOURS[index % len(_COLOURS)]
        ratios, kept = zip(*points, strict=True) if points else ((), ())
        axes.plot(ratios, kept, mark, color=colour, linewidth=1, label=name)
    axes.axhline(100, color="black", linewidth=1, label="original states")
    axes.axhline(0, color="black", linewidth=1, linestyle=":", label="no past")
    ticks = [row.ratio for row in results.without]
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(ratio) for ratio in ticks])
    axes.minorticks_off()
    axes.set_xlabel("states per memory (log scale)")
    axes.set_ylabel("kept of what the past is worth (% of the nats)")
    tidy(axes)
    axes.legend(fontsize=9, frameon=False)
    figure.suptitle("Held-out text predicted from memories of its past and the window at hand", fontsize=11)
    save_figure(figure, path, force=force)
