"""How fast: whole files in and out, beside libx264 on the same frames in the same run."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from ..media import Source, open_sequence

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


def speed_rows(
    model: str | None,
    source: Source,
    ratios: Sequence[int],
    *,
    runs: int = 3,
    progress: Progress = lambda *_: None,
) -> list[SpeedRow]:
    """Time compressing `source` to a latent and restoring it to .mp4, and libx264 medium doing the same."""
    from ..bitstream.open import open_latent
    from ..codec import compress_sequence, decompress_latent
    from ..zoo import load

    loaded = load(model)
    total = runs * (len(ratios) + 1)
    done = 0
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        latent, video, copy = (Path(folder) / name for name in ("clip.safetensors", "clip.mp4", "copy.mp4"))
        for ratio in ratios:
            there, back, report = [], [], None
            for _ in range(runs):
                with open_sequence(source) as sequence:
                    report = compress_sequence(sequence, latent, loaded, ratio=ratio, force=True)
                there.append(report.frames_per_second)
                back.append(
                    decompress_latent(open_latent(latent), video, loaded, force=True).frames_per_second
                )
                done += 1
                progress("speed", done, total)
            assert report is not None
            rows.append(
                SpeedRow(f"imfn {loaded.name} {ratio}:1", report.frames, max(there), max(back), report.bytes)
            )
        there, back, frames = [], [], 0
        for _ in range(runs):
            began = time.perf_counter()
            frames = x264(source, video)
            there.append(frames / (time.perf_counter() - began))
            began = time.perf_counter()
            with open_sequence(video) as sequence:
                _rewrite(sequence, copy)
            back.append(frames / (time.perf_counter() - began))
            done += 1
            progress("speed", done, total)
        options = " ".join(f"{name} {value}" for name, value in X264_OPTIONS.items())
        rows.append(SpeedRow(f"libx264 {options}", frames, max(there), max(back), video.stat().st_size))
    return rows


def x264(source: Source, output: Path) -> int:
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


def _rewrite(sequence: object, output: Path) -> None:
    # Restoring ends in an .mp4 for the latent, so it does for the peer.
    from ..media import Sequence as Frames
    from ..media import open_writer

    assert isinstance(sequence, Frames)
    with open_writer(output, sequence.info, force=True) as writer:
        for frame in sequence:
            writer.write(frame.pixels, frame.time)
