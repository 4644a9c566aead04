"""The picture: perplexity after windows that are over became memories."""

from pathlib import Path

from ...evaluation.canvas import new_figure, save_figure, tidy
from .results import LanguageResults

_COLOURS = ("#6a6a6a", "#3d9c86", "#4b90d9", "#005daf", "#b57700", "#b0417e", "#c2410c")
_MARKS = ("^", "P", "v", "o", "X", "s", "D")


def draw_predictions(path: Path, results: LanguageResults, *, force: bool = True) -> None:
    """Perplexity over the ratio, between what original states and no past at all give.

    Raises `OutputError` where `path` cannot be written, `ImfnError` without matplotlib.
    """
    figure = new_figure((8, 5.5))
    axes = figure.add_subplot()
    ratios = [row.ratio for row in results.without]
    axes.plot(ratios, [row.perplexity for row in results.without], "k:", linewidth=1, label="no past")
    names = list(dict.fromkeys(row.model for row in results.rows))
    for index, name in enumerate(names):
        points = [row.after_perplexity for row in results.rows if row.model == name]
        mark = f"{_MARKS[index % len(_MARKS)]}-"
        axes.plot(ratios, points, mark, color=_COLOURS[index % len(_COLOURS)], linewidth=1, label=name)
    axes.axhline(results.language_model["perplexity"], color="black", linewidth=1, label="original states")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(ratios, [str(ratio) for ratio in ratios])
    axes.minorticks_off()
    axes.set_xlabel("states per memory (log scale)")
    axes.set_ylabel("perplexity per byte (log scale)")
    tidy(axes)
    axes.legend(fontsize=9, frameon=False)
    title = "Held-out text predicted from memories of earlier windows and the window at hand"
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path, force=force)
