"""`imfn verify`: is a latent whole?"""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import ImfnError, LatentError, ModelError
from . import options
from .output import Output, say


def verify(
    inputs: Annotated[list[Path], typer.Argument(metavar="LATENT...", help="Files that 'imfn compress' wrote.")],
    model: options.Model = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Check every node's checksum and that it decodes; name each damaged node. Exit code 1 if there is any."""
    out = Output(json, quiet)
    bad = 0
    for path in inputs:
        try:
            bad += _verify(path, model, out)
        except ImfnError as error:
            say(str(error))
            out.result({"path": str(path), "ok": False, "error": str(error)})
            bad += 1
    return 1 if bad else 0


def _verify(path: Path, model: str | None, out: Output) -> bool:
    """Verify one latent; whether it is damaged."""
    from ..codec import CODING_THREADS, decode_node, model_of
    from ..latent.container import LatentReader, NodeEntry
    from ..parallel import map_ordered

    reader = LatentReader(path)
    try:
        loaded = model_of(reader, model)
    except ModelError as error:
        if model is not None:
            raise
        out.note(f"{error}; only checksums are verified")
        loaded = None

    def check(node: NodeEntry) -> str:
        try:
            if loaded is None:
                reader.read(node)
            else:
                decode_node(reader, loaded, node)
        except LatentError as error:
            return str(error)
        return ""

    damaged = []
    with out.progress(f"{path}:", len(reader.nodes), "nodes") as progress:
        for node, problem in zip(reader.nodes, map_ordered(check, reader.nodes, CODING_THREADS), strict=True):
            if problem:
                damaged.append({"node": node.index, "first_frame": node.frames[0], "last_frame": node.frames[-1]})
                say(problem)
            progress(node.index + 1)
    state = f"{len(damaged)} of {len(reader.nodes)} nodes damaged" if damaged else "whole"
    how = "checksums and decoding" if loaded else "checksums only"
    out.result(
        {
            "path": str(path),
            "ok": not damaged,
            "nodes": len(reader.nodes),
            "frames": reader.header.frames,
            "decoded": loaded is not None,
            "damaged": damaged,
        },
        f"{path}: {state} ({len(reader.nodes)} nodes, {reader.header.frames} frames, {how})",
    )
    return bool(damaged)
