"""How good the codec is, and beside other codecs: rows of measurements, BD-rates, plot, page, tables."""

from typing import TYPE_CHECKING

from ..system.lazy import lazy_attributes

if TYPE_CHECKING:
    from .array_comparison import ArrayRow, array_rows, missing_peers
    from .bd import Delta, against_model
    from .clip import clips_of
    from .document import COLUMNS, mean_rows, to_document
    from .engine import Evaluation, Failure, check_settings, evaluate, settings_of
    from .extra import installed, left_out, require
    from .float_psnr import FloatRow, float_rows, mean_by_ratio
    from .peak_rss import PeakRssRow, peak_rss_rows
    from .peers import PEERS, Peer, sweep
    from .pictures import worst_pictures
    from .plot import PLOT_ENDINGS, write_plot
    from .report import write_report
    from .rows import IMFN, Row, Setting
    from .speed import SpeedRow, speed_rows
    from .tables import write_csv, write_rows

__all__ = [
    "COLUMNS",
    "IMFN",
    "PEERS",
    "PLOT_ENDINGS",
    "ArrayRow",
    "Delta",
    "Evaluation",
    "Failure",
    "FloatRow",
    "PeakRssRow",
    "Peer",
    "Row",
    "Setting",
    "SpeedRow",
    "against_model",
    "array_rows",
    "check_settings",
    "clips_of",
    "evaluate",
    "float_rows",
    "installed",
    "left_out",
    "mean_by_ratio",
    "mean_rows",
    "missing_peers",
    "peak_rss_rows",
    "require",
    "settings_of",
    "speed_rows",
    "sweep",
    "to_document",
    "worst_pictures",
    "write_csv",
    "write_plot",
    "write_report",
    "write_rows",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "array_comparison": ("ArrayRow", "array_rows", "missing_peers"),
        "bd": ("Delta", "against_model"),
        "document": ("COLUMNS", "mean_rows", "to_document"),
        "clip": ("clips_of",),
        "engine": ("Evaluation", "Failure", "check_settings", "evaluate", "settings_of"),
        "extra": ("installed", "left_out", "require"),
        "float_psnr": ("FloatRow", "float_rows", "mean_by_ratio"),
        "peak_rss": ("PeakRssRow", "peak_rss_rows"),
        "peers": ("PEERS", "Peer", "sweep"),
        "pictures": ("worst_pictures",),
        "plot": ("PLOT_ENDINGS", "write_plot"),
        "report": ("write_report",),
        "rows": ("IMFN", "Row", "Setting"),
        "speed": ("SpeedRow", "speed_rows"),
        "tables": ("write_csv", "write_rows"),
    },
)
