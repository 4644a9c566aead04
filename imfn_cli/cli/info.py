"""`imfn info`: everything that a latent or a model says about itself."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from . import options
from .output import Output


def info(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A latent, or a model's folder or name.")],
    nodes: Annotated[
        bool, typer.Option("--nodes", help="List every node, not only the sums by level.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Show everything that a latent or a model says about itself.

    Of a latent: header, node table, and sizes by part. Of a model: configuration, data and results.
    """
    from ..zoo import model_folders

    path = Path(file)
    if path.is_dir() or file.startswith("hf://") or (file in model_folders() and not path.exists()):
        _model(file, Output(json))
    else:
        from ..codec.fading_memory import is_memory

        if is_memory(path):
            _memory(path, Output(json))
        else:
            _latent(path, nodes, Output(json))


def _memory(path: Path, out: Output) -> None:
    from rich.table import Table

    from ..codec.fading_memory import Memory

    memory = {name: value for name, value in vars(Memory.read(path)).items() if name != "values"}
    fields = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in memory.items():
        fields.add_row(name, _text(value))
    values = {"path": str(path), "bytes": path.stat().st_size, "memory": memory}
    out.result(values, f"{path}: one memory of a whole stream", fields)


def _latent(path: Path, every_node: bool, out: Output) -> None:
    from rich.table import Table

    from ..bitstream.container.growing import HEAD_SIZE
    from ..bitstream.container.latent import LatentReader

    reader = LatentReader(path)
    header = asdict(reader.header)
    size = path.stat().st_size
    parts = {
        "nodes": sum(node.size for node in reader.nodes),
        "node table": (HEAD_SIZE if reader.growing else 12) * len(reader.nodes),
        "presentation times": reader.ticks.nbytes if reader.ticks is not None else 0,
    }
    parts["header"] = size - sum(parts.values())
    fields = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in header.items():
        fields.add_row(name, _text(value))
    sizes = Table(
        "part", "bytes", "share", title="Sizes", title_justify="left", box=None, padding=(0, 2, 0, 0)
    )
    for name, count in parts.items():
        sizes.add_row(name, f"{count:,}", f"{count / size:.1%}")
    sizes.add_row("file", f"{size:,}", "")
    rows: list[dict[str, Any]] = [
        {
            "node": node.index,
            "level": node.level,
            "first_frame": node.frames[0],
            "last_frame": node.frames[-1],
            "offset": node.offset,
            "bytes": node.size,
            "crc32": f"{node.crc32:08x}",
        }
        for node in reader.nodes
    ]
    values = {
        "path": str(path),
        "bytes": size,
        "growing": reader.growing,
        "header": header,
        "parts": parts,
        "nodes": rows,
    }
    state = " that still grows, or whose stream was killed" if reader.growing else ""
    out.result(values, f"{path}: an imfn latent{state}", fields, "", sizes, "", _node_table(rows, every_node))


def _node_table(rows: list[dict[str, Any]], every_node: bool) -> Any:
    from rich.table import Table

    if every_node:
        table = Table(*rows[0], title="Nodes", title_justify="left", box=None, padding=(0, 2, 0, 0))
        for row in rows:
            table.add_row(*(str(value) for value in row.values()))
        return table
    table = Table(
        "level", "frames each", "nodes", "bytes", title="Nodes by level (--nodes lists them)",
        title_justify="left", box=None, padding=(0, 2, 0, 0),
    )  # fmt: skip
    for level in sorted({row["level"] for row in rows}, reverse=True):
        sizes = [row["bytes"] for row in rows if row["level"] == level]
        table.add_row(str(level), str(1 << level), str(len(sizes)), f"{sum(sizes):,}")
    return table


def _model(name: str, out: Output) -> None:
    from rich.table import Table

    from ..zoo import STUDENT_FILE, find_model, read_config, weights_sha256

    folder = find_model(name)
    config = read_config(folder)
    sha256 = weights_sha256(folder)
    size = (folder / "model.safetensors").stat().st_size
    fields = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    network = config["network"]
    exact = not network.get("widths") or network.get("independent")
    student = "exact, from the weights" if exact else None
    if student is None and (folder / STUDENT_FILE).is_file():
        student = f"{(folder / STUDENT_FILE).stat().st_size:,} bytes"
    shown = {**config, "student": student, "sha256": sha256, "bytes": size}
    for name, value in shown.items():
        fields.add_row(name, _text(value))
    values = {"path": str(folder), "bytes": size, "sha256": sha256, "student": student, "config": config}
    out.result(values, f"{folder}: an imfn model", fields)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items())
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
