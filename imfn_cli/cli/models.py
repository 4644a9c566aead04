"""`imfn models`: those that ship."""

from . import options
from .output import Output


def models(json: options.Json = False) -> None:
    """List the models that ship with imfn: their ratios, sizes and measured PSNR with float memories."""
    from rich.table import Table

    from ..model import default_model, find_model, shipped_models

    default = default_model()
    table = Table("model", "kind", "ratios", "MB", "PSNR in dB at each ratio (float memories)", box=None, padding=(0, 2, 0, 0))
    rows = []
    for name, config, sha256 in shipped_models():
        size = (find_model(name) / "model.safetensors").stat().st_size
        ratios = [1 << level for level in range(config["network"]["levels"] + 1)]
        results = config.get("results", {}).get("psnr_float", {})
        shown = "  ".join(f"{r}:1 {value:.1f}" for r, value in results.items()) or "not measured"
        mark = " (default)" if name == default else ""
        table.add_row(name + mark, config.get("kind", "?"), f"{ratios[0]} … {ratios[-1]}", f"{size / 1e6:.1f}", shown)
        rows.append({"name": name, "default": name == default, "ratios": ratios, "bytes": size, "sha256": sha256} | config)
    Output(json).result({"models": rows}, table)
