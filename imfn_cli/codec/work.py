"""What work that is interrupted depends on: another run goes on only where all of this is the same."""

import hashlib
import json
from typing import Any

import av
import torch

from ..bitstream.container.latent_reader import LatentReader
from ..media.sequence import Sequence
from ..version import __version__
from ..zoo import Model


def compressing(sequence: Sequence, model: Model, **settings: object) -> dict[str, Any] | None:
    """By name, what the nodes of a sequence depend on; None where it cannot be read again."""
    if sequence.told is None:
        return None
    return {**sequence.told, **settings, **_program(model)}


def restoring(reader: LatentReader, model: Model, **settings: object) -> dict[str, Any]:
    """By name, what the file of a latent's frames depends on."""
    digest = hashlib.sha256(json.dumps(reader.header.to_json(), sort_keys=True).encode())
    digest.update(b"" if reader.ticks is None else reader.ticks.tobytes())
    digest.update(str(reader.tracks_bytes).encode())
    for node in reader.nodes:
        digest.update(f"{node.level} {node.size} {node.crc32}\n".encode())
    for group in reader.alpha:
        digest.update(f"{len(group.frames)} {group.size} {group.crc32}\n".encode())
    return {"source": digest.hexdigest(), **settings, **_program(model), "PyAV": av.__version__}


def _program(model: Model) -> dict[str, Any]:
    return {
        "model": model.sha256,
        "device": model.device.type,
        "imfn": __version__,
        "torch": torch.__version__,
    }
