"""`imfn models`: those that ship."""

from rich.table import Table

from .. import zoo
from ..zoo.folder import WEIGHTS_FILE
from . import options
from .output import Output


def models(json: options.Json = False) -> None:
    """List the models that ship with imfn.

    Ratios, size, and measured PSNR with float memories; the first is the default.
    """
    default = zoo.default_model()
    table = Table("model", "kind", "ratios", "MB", "PSNR in dB at each ratio", box=None, padding=(0, 2, 0, 0))
    rows = []
    for name, config, sha256 in zoo.shipped_models():
        size = (zoo.find_model(name) / WEIGHTS_FILE).stat().st_size
        ratios = [1 << level for level in range(config["network"]["levels"] + 1)]
        results = config.get("results", {}).get("psnr_float", {})
        shown = "  ".join(f"{ratio}:1 {value:.1f}" for ratio, value in results.items()) or "not measured"
        table.add_row(
            name + (" (default)" if name == default else ""),
            config.get("kind", "?"),
            f"{ratios[0]} … {ratios[-1]}",
            f"{size / 1e6:.1f}",
            shown,
        )
        about = {"name": name, "default": name == default, "ratios": ratios, "bytes": size, "sha256": sha256}
        rows.append(about | config)
    Output(json).result({"models": rows}, table)
