"""A clip by way of a codec, ours or a peer: its size, and the frames that come back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from .. import defaults
from ..bitstream.open import open_latent
from ..codec import adaptive
from ..codec.decoder import restored_frames
from ..codec.encoder import compress_sequence
from ..codec.node_builders import node_builder
from ..limits import NO_LIMITS
from ..media import Sequence as Frames
from ..network import forest_levels, level_of_ratio
from ..reports import CompressReport
from ..zoo import Model
from . import peer_coding
from .rows import Setting

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Coded:
    """A clip as bytes, and the way back, which may be gone more than once.

    size: bytes, None where memories stay in float.   options: everything that says how to make it again.
    """

    size: int | None
    options: str
    restore: Callable[[], Iterator[Pixels]]


def code_imfn(frames: Frames, setting: Setting, model: Model, folder: Path) -> Coded:
    """Compress `frames` to a latent in `folder`; with `setting.in_float` nothing is written."""
    assert setting.ratio is not None
    ratio, student = setting.ratio, setting.student
    options = f"-m {model.name} -r {ratio}" + (" --student" if student else "")
    if setting.in_float:
        assert isinstance(ratio, int)
        return Coded(None, f"{options} --float", lambda: float_frames(frames, model, ratio, student=student))
    assert setting.quality is not None
    path = folder / "clip.safetensors"
    write_latent(frames, path, model, setting)

    def restore() -> Iterator[Pixels]:
        return (frame.pixels for frame in restored_frames(open_latent(path, NO_LIMITS), model))

    options = f"{options} -q {setting.quality} -g {setting.gop}"
    return Coded(path.stat().st_size, options, restore)


def write_latent(frames: Frames, path: Path, model: Model, setting: Setting) -> CompressReport:
    """Compress `frames` as `setting` says, over what is at `path`."""
    quality = defaults.QUALITY if setting.quality is None else setting.quality
    if isinstance(setting.ratio, str):
        return adaptive.compress_adaptive(frames, path, model, quality=quality, gop=setting.gop, force=True)
    return compress_sequence(
        frames,
        path,
        model,
        ratio=setting.ratio or defaults.RATIO,
        quality=quality,
        gop=setting.gop,
        student=setting.student,
        force=True,
    )


def code_peer(frames: Frames, setting: Setting) -> Coded:
    """Encode `frames` by a peer. Raises `ImfnError` where it refuses them."""
    encoded = peer_coding.encode(frames, setting)
    return Coded(encoded.size, encoded.options, lambda: peer_coding.decode(encoded))


@torch.inference_mode()
def float_frames(frames: Frames, model: Model, ratio: int, *, student: bool = False) -> Iterator[Pixels]:
    """Every frame by way of its memory in float, not quantised; the same trees as in a file."""
    level = level_of_ratio(ratio, model.network.config.levels)
    if student:
        yield from _through_student(frames, model, level)
        return
    waiting: list[Pixels] = []

    def through(pixels: Pixels) -> Iterator[Pixels]:
        memories = model.compress_pixels(torch.from_numpy(pixels).to(model.device), len(pixels))
        yield from model.restore_pixels(memories, len(pixels), pixels.shape[1:], 0, len(pixels)).cpu().numpy()

    for frame in frames:
        waiting.append(frame.pixels)
        if len(waiting) == ratio:
            yield from through(np.stack(waiting))
            waiting = []
    first = 0
    for below in forest_levels(len(waiting), level):
        yield from through(np.stack(waiting[first : first + (1 << below)]))
        first += 1 << below


def _through_student(frames: Frames, model: Model, level: int) -> Iterator[Pixels]:
    builder = node_builder(model, level, student=True)
    info = frames.info
    size = info.height, info.width, info.channels

    def restored(node: tuple[int, torch.Tensor]) -> Iterator[Pixels]:
        ratio = 1 << node[0]
        yield from model.restore_pixels(node[1], ratio, size, 0, ratio).cpu().numpy()

    for frame in frames:
        for node in builder.feed(frame.pixels[None]):
            yield from restored(node)
    for node in builder.flush():
        yield from restored(node)
