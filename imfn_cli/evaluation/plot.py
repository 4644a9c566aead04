"""The picture of `imfn eval --plot`: rate against distortion, and how the error grows with the ratio."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .canvas import new_figure, save_figure, tidy
from .peers import PEERS
from .rows import IMFN

#: What `--plot` can write.
PLOT_ENDINGS = (".png", ".svg", ".pdf")
# Ours from light to dark as the ratio grows.
_OURS = ("#8fd0c0", "#3d9c86", "#008aa6", "#0077b3", "#005daf", "#1a449b", "#332d82")
_STUDENT = {"linestyle": ":", "markerfacecolor": "white"}
# What matplotlib calls the marks of peers.
_MARKS = {"square": "s", "diamond": "D", "triangle": "^", "down": "v"}


def write_plot(path: Path, document: dict[str, Any], *, force: bool = False) -> None:
    """Draw the means of `document`, the JSON document, to `path`, whose ending says the format.

    Left, PSNR RGB over bits per pixel, one line per ratio and per peer. Right, where memories in float were
    measured, their mean squared error over the ratio with the exponent of a straight line through it.
    Raises `OutputError` where `path` exists (without `force`) or cannot be written, `ImfnError` without
    matplotlib.
    """
    growth = error_growth(document["rows"])
    filed = [mean for mean in document["means"] if mean["bits_per_pixel"]]
    panels: list[Callable[[Any], None]] = []
    if filed:
        panels.append(partial(_rate, means=filed))
    if growth:
        panels.append(partial(_growth, growth=growth))
    figure = new_figure((7.2 * max(1, len(panels)), 5))
    for index, draw in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), index + 1)
        draw(axes)
        tidy(axes, which="both")
    count = len({row["clip"] for row in document["rows"]})
    figure.suptitle(f"{document['tool']}, mean over {count} clip{'s' if count != 1 else ''}", fontsize=11)
    save_figure(figure, path, force=force)


def _rate(axes: Any, means: Sequence[dict[str, Any]]) -> None:
    labels = list(dict.fromkeys(mean["label"] for mean in means))
    ratios = list(dict.fromkeys(mean["ratio"] for mean in means if mean["codec"] == IMFN))
    ratios.sort(key=lambda ratio: (isinstance(ratio, str), ratio))
    for label in labels:
        points = sorted(
            (mean["bits_per_pixel"], mean["psnr_rgb"]) for mean in means if mean["label"] == label
        )
        mean = next(mean for mean in means if mean["label"] == label)
        style: dict[str, Any]
        if mean["codec"] == IMFN:
            style = {"marker": "o", "linewidth": 2, **(_STUDENT if mean["student"] else {})}
            style["color"] = _shade(ratios.index(mean["ratio"]), len(ratios))
        else:
            peer = PEERS[mean["codec"]]
            style = {"marker": _MARKS[peer.mark], "linestyle": "--", "color": peer.colour}
        axes.plot(*zip(*points, strict=True), label=label, markersize=5, **style)
    axes.set_xscale("log")
    _plain_ticks(axes.xaxis)
    axes.set_xlabel("bits per pixel (log scale)")
    axes.set_ylabel("PSNR RGB (dB)")
    axes.set_title("Rate and distortion, whole files")
    axes.legend(fontsize=8, frameon=False)


def _growth(axes: Any, growth: Sequence[tuple[int, float]]) -> None:
    ratios, errors = (np.array(values, float) for values in zip(*growth, strict=True))
    axes.plot(ratios, errors, "o", color=_OURS[4], label="memories in float")
    if len(growth) > 1:
        exponent, factor = fitted_exponent(growth)
        axes.plot(
            ratios,
            factor * ratios**exponent,
            color=_OURS[4],
            label=f"fit: {factor:.3g} · ratio^{exponent:.2f}",
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(ratios, [f"{ratio:g}:1" for ratio in ratios], minor=False)
    axes.minorticks_off()
    _plain_ticks(axes.yaxis)
    axes.set_xlabel("frames per memory (log scale)")
    axes.set_ylabel("mean squared error, 8-bit levels² (log)")
    axes.set_title("Growth of the error with the ratio")
    axes.legend(fontsize=8, frameon=False)


def error_growth(rows: Sequence[dict[str, Any]]) -> list[tuple[int, float]]:
    """(ratio, mean squared error in squared 8-bit levels) of memories in float, mean over frames, then clips.

    Ratios that restore exactly are left out: their error has no logarithm.
    """
    by_ratio: dict[int, list[float]] = {}
    for row in rows:
        if row["codec"] == IMFN and row["float"] and not row["student"]:
            frames = 255**2 * 10 ** (-np.array(row["psnr_per_frame"]) / 10)
            by_ratio.setdefault(row["ratio"], []).append(float(frames.mean()))
    growth = [(ratio, sum(errors) / len(errors)) for ratio, errors in sorted(by_ratio.items())]
    # PSNR ends at 100 dB, which is about 1e-5.
    return [(ratio, error) for ratio, error in growth if error > 1e-4]


def fitted_exponent(growth: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """(exponent, factor) of error = factor · ratio^exponent, least squares on both logarithms."""
    ratios, errors = (np.log(values) for values in zip(*growth, strict=True))
    exponent, intercept = np.polyfit(ratios, errors, 1)
    return float(exponent), float(np.exp(intercept))


def _shade(index: int, count: int) -> str:
    return _OURS[round(index * (len(_OURS) - 1) / max(1, count - 1))] if count > 1 else _OURS[4]


def _plain_ticks(axis: Any) -> None:
    """0.05 and 0.2, not powers of ten."""
    # Of the extra `eval`; the figure says so where it is missing.
    from matplotlib.ticker import FuncFormatter, LogLocator

    axis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(FuncFormatter(lambda *_: ""))
