"""What is measured: settings of codecs, and the row of numbers that one setting gives on one clip."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from .. import defaults

#: The codec that is this one; all others are peers.
IMFN = "imfn"
# Decimals that a row has: enough to recompute everything from the rows, few enough to compare them by eye.
_DECIMALS = {
    "ssim": 6,
    "ms_ssim": 6,
    "bits_per_pixel": 6,
    "compress_fps": 2,
    "restore_fps": 2,
    "peak_memory_mb": 1,
}
# A dataclass whose field is called `float` cannot name the type any more.
_RENAMED = {"in_float": "float"}
# What earlier versions called a field in their caches.
_EARLIER = {"group": "gop"}


def ratio_text(ratio: int | str | None) -> str:
    """A ratio as labels show it: "16:1", "auto"."""
    return ratio if isinstance(ratio, str) else f"{ratio}:1"


@dataclass(frozen=True)
class Setting:
    """One codec with all its knobs: an IMFN ratio at a quality or in float, or a peer at a preset and CRF.

    ratio: frames per memory, or "auto" of an adaptive forest.   student: the model's student compresses, not
    its tree.   gop: as `imfn compress` takes it.
    """

    codec: str
    ratio: int | str | None = None
    quality: float | None = None
    in_float: bool = False
    crf: int | None = None
    preset: str | None = None
    student: bool = False
    gop: int = defaults.GOP

    @property
    def label(self) -> str:
        """What the settings of one curve have in common: "imfn 16:1", "x264 medium"."""
        if self.codec == IMFN:
            how = (" student" if self.student else "") + (" float" if self.in_float else "")
            how += " intra" if not self.gop and not self.in_float else ""
            return f"{IMFN} {ratio_text(self.ratio)}{how}"
        return f"{self.codec} {self.preset}"


@dataclass(frozen=True)
class Row:
    """One setting on one clip, as `imfn eval --json` and its cache hold it; `in_float` is "float" there.

    clip: name of the clip.                   codec: "imfn", "x264", …
    label: of the curve that the row is on.   model: name of the model, null for peers.
    ratio, quality: of IMFN; quality is null in float.   crf: of a peer.
    float: memories were not quantised: no file, so bytes, bits per pixel, speed and peak RSS are null.
    student: the student compressed, not the tree.
    gop: frames of a group of pictures, 0 where all nodes are intra; null in float, of peers.
    options: everything that says how to make the same again.
    frames: how many were compared, by index.
    psnr_rgb: dB, on 8-bit RGB (gray for gray clips), of each frame, then the mean; 100 for equal frames.
    psnr_y, psnr_yuv: dB, of Y and of (6 Y + U + V) / 8 after conversion of the same frames to 8-bit BT.601
        limited range, 4:4:4; psnr_yuv is null for gray clips.
    ssim, ms_ssim: of that Y, mean over frames; null where frames are too small, or a package is missing.
    bytes: of the latent on disk, all of it; of a peer's video packets.   bits_per_pixel: 8 · bytes / pixels.
    compress_fps, restore_fps: frames per second between resident RGB frames and bytes, one compute thread.
    peak_memory_mb: peak RSS while compressing and restoring, above that of the idle process, in 10^6 bytes.
    psnr_per_frame: dB, RGB.   notes: why something is null.
    """

    clip: str
    codec: str
    label: str
    model: str | None
    ratio: int | str | None
    quality: float | None
    in_float: bool
    student: bool
    gop: int | None
    crf: int | None
    options: str
    frames: int
    psnr_rgb: float
    psnr_yuv: float | None
    psnr_y: float
    ssim: float | None
    ms_ssim: float | None
    bytes: int | None
    bits_per_pixel: float | None
    compress_fps: float | None
    restore_fps: float | None
    peak_memory_mb: float | None
    psnr_per_frame: tuple[float, ...]
    notes: tuple[str, ...] = ()

    def rounded(self) -> "Row":
        """The row with as many decimals as are written."""
        values: dict[str, Any] = {
            name: round(value, _DECIMALS.get(name, 4))
            for name, value in vars(self).items()
            if isinstance(value, float)
        }
        return replace(self, **values, psnr_per_frame=tuple(round(value, 3) for value in self.psnr_per_frame))

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON values."""
        return {_RENAMED.get(name, name): value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Row":
        """What `to_dict` gave, also by way of JSON. Raises `TypeError` for missing or unknown fields."""
        back = {new: old for old, new in _RENAMED.items()} | _EARLIER
        named = {back.get(name, name): value for name, value in values.items()}
        for name in ("psnr_per_frame", "notes"):
            named[name] = tuple(named[name])
        return cls(**named)
