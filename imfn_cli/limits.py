"""What a file from somebody else may ask of this machine, and which option raises it.

Whoever is about to allocate for what a file claims asks here first. A claim costs nothing until then.
"""

from dataclasses import dataclass

from .errors import LimitError

#: Python, NumPy, PyTorch and FFmpeg, loaded: bytes.
LIBRARIES = 420_000_000
# Without a limit of its own a film may have so many pixels in all, whatever its size …
_FREE_PIXELS = 10**11
# … and so many for each byte of its file: a still picture at 16:1 has 800,000.
_PIXELS_PER_BYTE = 10**6
# And so many frames: 64 of them take 12 bytes in the node table.
_FREE_FRAMES, _FRAMES_PER_BYTE = 10**6, 8
# Of an array so many samples, whatever its size, or for each byte of its file: what hardly changes takes next
# to none, and the free ones are half an hour's work.
_FREE_SAMPLES, _SAMPLES_PER_BYTE = 10**10, 10**4


@dataclass(frozen=True)
class Limits:
    """Ceilings for what files claim. Raise them for files that you trust.

    pixels: of a frame.   memory: bytes of RAM.
    frames: that are restored from one file; None: as many as have 10^11 pixels together, or 10^6 for each
    byte of the file, whichever is more, and at most 10^6 and 8 for each byte. Of an array latent: as have
    10^10 samples, or 10^4 for each byte.
    """

    pixels: int = 64_000_000
    memory: int = 4_000_000_000
    frames: int | None = None

    def __post_init__(self) -> None:
        for name in ("pixels", "memory", "frames"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"a limit of {value} {name}; name a number above 0")

    def check_frame(self, name: object, height: int, width: int) -> None:
        """Raise `LimitError` where a frame of height × width pixels is too large."""
        if height * width > self.pixels:
            raise LimitError(
                f"{name}: its frames of {width}x{height} are larger than {self.pixels:,} pixels; "
                f"if you trust the file, --limit-pixels {height * width} allows them"
            )

    def check_frames(self, name: object, frames: int, height: int, width: int, size: int) -> None:
        """Raise `LimitError` where so many frames are too many to restore from a file of `size` bytes."""
        most = self.frames
        if most is None:
            most = max(_FREE_PIXELS, size * _PIXELS_PER_BYTE) // (height * width)
            most = min(most, _FREE_FRAMES + size * _FRAMES_PER_BYTE)
        if frames > most:
            raise LimitError(
                f"{name}: {frames:,} frames of {width}x{height} are more than {most:,}, the most from "
                f"{size:,} bytes; choose some with --frames A:B, or --limit-frames {frames} allows them"
            )

    def check_samples(self, name: object, frames: int, samples: int, size: int) -> None:
        """Raise `LimitError` where so many frames of so many samples are too many from `size` bytes."""
        most = self.frames
        if most is None:
            most = max(_FREE_SAMPLES, size * _SAMPLES_PER_BYTE) // samples
        if frames > most:
            raise LimitError(
                f"{name}: {frames:,} frames of {samples:,} samples are more than {most:,}, the most from "
                f"{size:,} bytes; choose some with --frames A:B, or --limit-frames {frames} allows them"
            )

    def check_memory(self, name: object, needed: int, what: str) -> None:
        """Raise `LimitError` where `what` ("restoring its frames") needs more bytes of RAM than allowed."""
        if needed > self.memory:
            raise LimitError(
                f"{name}: {what} takes about {_gigabytes(needed)} of memory, more than "
                f"{_gigabytes(self.memory)}; if you trust the file, --limit-memory {_gigabytes(needed)} "
                "allows it"
            )


def _gigabytes(count: int) -> str:
    """Rounded up to a tenth, as the option takes it."""
    return f"{-(-count // 10**8) / 10:.1f}GB"


#: What holds unless a caller says otherwise.
DEFAULT_LIMITS = Limits()
#: For files that we have just written ourselves.
NO_LIMITS = Limits(pixels=1 << 62, memory=1 << 62, frames=1 << 62)
