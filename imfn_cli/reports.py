"""What the work reports back: plain data, the same for the command line and the Python API."""

from dataclasses import asdict, dataclass
from typing import Any


class _Report:
    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)  # type: ignore[call-overload]


@dataclass(frozen=True)
class CompressReport(_Report):
    """What compressing did.

    bits_per_pixel counts the whole file over frames · height · width. ratio_of_numbers is numbers in the
    frames over numbers in the memories (the paper's ratio; tails and padding lower it), ratio_of_bytes is
    source bytes over file bytes, None where only a part of the source was compressed. seconds includes
    reading and decoding the source. notes: what the user should know about how it was read, one line each.
    student: the model's student compressed, not its tree.   group: frames from one key node to the next, 0
    where every node stands alone.
    """

    source: str
    output: str
    model: str
    ratio: int
    quality: int
    frames: int
    height: int
    width: int
    channels: int
    nodes: int
    source_bytes: int
    bytes: int
    bits_per_pixel: float
    ratio_of_numbers: float
    ratio_of_bytes: float | None
    seconds: float
    frames_per_second: float
    notes: tuple[str, ...]
    student: bool = False
    gop: int = 0


@dataclass(frozen=True)
class StreamReport(_Report):
    """What streaming did.

    method: "student" or "tree".   ended: "source", "limit" or "signal": what ended it.
    seconds: from the first frame on.   memory_mb: largest resident memory that was seen, 10^6 bytes.
    finished: False where the file could not be put into its final form; it is readable all the same.
    """

    source: str
    output: str
    model: str
    method: str
    ratio: int
    quality: int
    frames: int
    height: int
    width: int
    channels: int
    nodes: int
    bytes: int
    bits_per_pixel: float
    seconds: float
    frames_per_second: float
    memory_mb: float | None
    ended: str
    finished: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class FadingMemoryReport(_Report):
    """What streaming into one memory did; fields as in `StreamReport`. half_life: in frames."""

    source: str
    output: str
    model: str
    half_life: float
    frames: int
    height: int
    width: int
    channels: int
    bytes: int
    seconds: float
    frames_per_second: float
    memory_mb: float | None
    ended: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class DecompressReport(_Report):
    """What decompressing did. damaged: frames, as first and last, that could not be restored."""

    source: str
    output: str
    model: str
    frames: int
    height: int
    width: int
    channels: int
    seconds: float
    frames_per_second: float
    damaged: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class DamagedNode(_Report):
    """A node that cannot be decoded, the frames it held, and why, on one line."""

    node: int
    first_frame: int
    last_frame: int
    problem: str


@dataclass(frozen=True)
class VerifyReport(_Report):
    """What verifying found. decoded: whether nodes were decoded too, or only their checksums compared.

    notes: why nodes were not decoded.
    """

    source: str
    ok: bool
    nodes: int
    frames: int
    decoded: bool
    damaged: tuple[DamagedNode, ...]
    notes: tuple[str, ...]
