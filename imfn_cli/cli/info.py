"""`imfn info`: everything that a file says about itself."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from .. import bitstream, codec, zoo
from ..system.remote import place_of
from . import options
from .output import Output


def info(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A latent, or a model's folder or name.")],
    nodes: Annotated[
        bool, typer.Option("--nodes", help="List every node, not only the sums by level.")
    ] = False,
    limit_memory: options.LimitMemory = None,
    json: options.Json = False,
) -> None:
    """Show everything that a latent or a model says about itself.

    Of a latent: header, node table, and sizes by part. Of a model: configuration, data and results.
    """
    path, out = place_of(file), Output(json)
    if (
        isinstance(path, Path) and (path.is_dir() or (not path.exists() and _is_model(file)))
    ) or _is_hub_model(file):
        _model(file, out)
        return
    if isinstance(path, Path) and zoo.is_array_model(path):
        _array_model(path, out)
        return
    opened = bitstream.open_file(path, options.limits_of(limit_memory))
    if isinstance(opened, bitstream.FadingMemoryFile):
        assert isinstance(path, Path)
        _fading_memory(path, opened, out)
    elif isinstance(opened, bitstream.ArrayFile):
        _array(opened, nodes, out)
    else:
        _latent(opened, nodes, out)


def _is_hub_model(name: str) -> bool:
    """Whether an address is that of a model, not of a file on the hub."""
    return name.startswith("hf://") and not name.endswith(codec.LATENT_ENDING)


def _is_model(name: str) -> bool:
    return zoo.installed_folder(name) is not None or zoo.own_place(name) is not None


def _fields(values: dict[str, Any]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in values.items():
        table.add_row(name, _text(value))
    return table


def _fading_memory(path: Path, memory: "bitstream.FadingMemoryFile", out: Output) -> None:
    header = asdict(memory.header)
    values = {"path": str(path), "bytes": path.stat().st_size, "memory": header}
    out.result(values, f"{path}: one memory of a whole stream", _fields(header))


def _array(latent: "bitstream.ArrayFile", every_group: bool, out: Output) -> None:
    header, size = asdict(latent.header), latent.path.stat().st_size
    rows: list[dict[str, Any]] = [
        {
            "group": group.number,
            "first_frame": group.frames[0],
            "last_frame": group.frames[-1],
            "offset": group.offset,
            "bytes": group.size,
            "crc32": f"{group.crc32:08x}",
        }
        for group in latent.groups
    ]
    values = {"path": str(latent.path), "bytes": size, "header": header, "groups": rows}
    shown: list[Any] = [f"{latent.path}: an array latent", _fields(header)]
    if every_group:
        table = Table(*rows[0], title="Groups", title_justify="left", box=None, padding=(0, 2, 0, 0))
        for row in rows:
            table.add_row(*(str(value) for value in row.values()))
        shown += ["", table]
    else:
        shown += [
            "",
            f"{len(rows)} groups of frames, {sum(row['bytes'] for row in rows):,} bytes (--nodes lists them)",
        ]
    out.result(values, *shown)


def _latent(reader: "bitstream.LatentReader", every_node: bool, out: Output) -> None:
    path, header = reader.path, asdict(reader.header)
    size = path.stat().st_size
    parts = {
        "nodes": sum(node.size for node in reader.nodes),
        "node table": reader.table_bytes,
        "presentation times": reader.times_bytes,
        "sound and subtitles": reader.tracks_bytes,
        "alpha": reader.alpha_bytes,
        "model": reader.model_bytes,
    }
    parts["header"] = size - sum(parts.values())
    sizes = Table(
        "part", "bytes", "share", title="Sizes", title_justify="left", box=None, padding=(0, 2, 0, 0)
    )
    for name, count in parts.items():
        sizes.add_row(name, f"{count:,}", f"{count / size:.1%}")
    sizes.add_row("file", f"{size:,}", "")
    windows = codec.shares_of(reader) if reader.header.adaptive else {}
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
        "windows": windows,
    }
    state = " that still grows, or whose stream was killed" if reader.growing else ""
    adaptive = bool(windows) and not every_node
    table = _window_table(windows, len(rows)) if adaptive else _node_table(rows, every_node)
    out.result(values, f"{path}: an imfn latent{state}", _fields(header), "", sizes, "", table)


def _window_table(windows: dict[int, float], trees: int) -> Table:
    table = Table(
        "window", "part of the film", title=f"Windows in {trees} trees (--nodes lists those)",
        title_justify="left", box=None, padding=(0, 2, 0, 0),
    )  # fmt: skip
    for frames, share in windows.items():
        table.add_row(f"{frames}:1", f"{share:.1%}")
    return table


def _node_table(rows: list[dict[str, Any]], every_node: bool) -> Table:
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
    folder = zoo.find_model(name)
    config = zoo.read_config(folder)
    sha256 = zoo.weights_sha256(folder)
    size = (folder / "model.safetensors").stat().st_size
    network = config["network"]
    exact = not network.get("widths") or network.get("independent")
    student = "exact, from the weights" if exact else None
    if student is None and (folder / zoo.STUDENT_FILE).is_file():
        student = f"{(folder / zoo.STUDENT_FILE).stat().st_size:,} bytes"
    shown = {**config, "student": student, "sha256": sha256, "bytes": size}
    values = {"path": str(folder), "bytes": size, "sha256": sha256, "student": student, "config": config}
    out.result(values, f"{folder}: an imfn model", _fields(shown))


def _array_model(path: Path, out: Output) -> None:
    made = zoo.read_array_model(path)
    values = {"path": str(path), "bytes": path.stat().st_size, "span": list(made.span), "about": made.about}
    out.result(values, f"{path}: a model of arrays", _fields({"span": made.span, **made.about}))


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return " ".join(map(_text, value)) or "-"
    # One field is one line, whatever it holds.
    told = f"{value:,}" if isinstance(value, int) else str(value).replace("\n", "\\n")
    return "-" if value is None else told
