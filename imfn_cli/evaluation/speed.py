"""How fast: whole files in and out, beside libx264 on the same frames in the same run."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import av

from ..bitstream.open import open_latent
from ..codec import decompress_latent
from ..limits import NO_LIMITS
from ..media import Source, open_sequence, open_writer
from ..zoo import Model, load
from .coding import write_latent
from .rows import IMFN, Setting, ratio_text

Progress = Callable[[str, int, int], None]
#: What the peer is, exactly.
X264_OPTIONS = {"preset": "medium", "crf": "23"}


@dataclass(frozen=True)
class SpeedRow:
    """One codec on one clip: frames a second, containers included; the best of several runs."""

    codec: str
    frames: int
    compress: float
    decompress: float
    bytes: int


@dataclass(frozen=True)
class _Run:
    """One codec once there and back: frames, frames a second each way, bytes of its file."""

    frames: int
    compress: float
    decompress: float
    bytes: int


def speed_rows(
    model: str | None,
    source: Source,
    ratios: Sequence[int | str],
    *,
    runs: int = 3,
    progress: Progress = lambda *_: None,
) -> list[SpeedRow]:
    """Time compressing `source` to a latent and restoring it to .mp4, and libx264 medium doing the same.

    ratios: frames per memory, or "auto".
    """
    loaded = load(model)
    options = " ".join(f"{name} {value}" for name, value in X264_OPTIONS.items())
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        work: dict[str, Callable[[], _Run]] = {
            f"{IMFN} {loaded.name} {ratio_text(ratio)}": partial(_imfn, source, folder, loaded, ratio)
            for ratio in ratios
        }
        work[f"libx264 {options}"] = partial(_x264, source, folder)
        for index, (codec, once) in enumerate(work.items()):
            done = []
            for run in range(runs):
                done.append(once())
                progress("speed", index * runs + run + 1, runs * len(work))
            compress, decompress = max(run.compress for run in done), max(run.decompress for run in done)
            rows.append(SpeedRow(codec, done[-1].frames, compress, decompress, done[-1].bytes))
    return rows


def _imfn(source: Source, folder: Path, model: Model, ratio: int | str) -> _Run:
    latent, video = folder / "clip.safetensors", folder / "clip.mp4"
    with open_sequence(source, audio=False) as sequence:
        there = write_latent(sequence, latent, model, Setting(IMFN, ratio=ratio))
    back = decompress_latent(open_latent(latent, NO_LIMITS), video, model, force=True)
    return _Run(there.frames, there.frames_per_second, back.frames_per_second, there.bytes)


def _x264(source: Source, folder: Path) -> _Run:
    video, copy = folder / "clip.mp4", folder / "copy.mp4"
    began = time.perf_counter()
    frames = encode_x264(source, video)
    between = time.perf_counter()
    # Restoring ends in an .mp4 for the latent, so it does for the peer.
    with open_sequence(video) as sequence, open_writer(copy, sequence.info, force=True) as writer:
        for frame in sequence:
            writer.write(frame.pixels, frame.time)
    ended = time.perf_counter()
    return _Run(frames, frames / (between - began), frames / (ended - between), video.stat().st_size)


def encode_x264(source: Source, output: Path) -> int:
    """Encode `source` with libx264 at its defaults for preset medium; returns the number of frames."""
    with open_sequence(source) as sequence, av.open(str(output), "w") as container:
        info = sequence.info
        stream = container.add_stream("libx264", rate=info.frame_rate or Fraction(25), options=X264_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = info.width, info.height, "yuv420p"
        count = 0
        for frame in sequence:
            picture = av.VideoFrame.from_ndarray(
                frame.pixels, format="rgb24" if info.channels == 3 else "gray"
            )
            container.mux(stream.encode(picture))
            count += 1
        container.mux(stream.encode(None))
    return count
