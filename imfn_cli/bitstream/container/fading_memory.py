"""The file of a fading memory: one memory of a fixed size for a whole stream.

A safetensors file with one tensor, `memory` F32 (C, h, w), and one metadata key, sorted JSON: which model
made it, of how many frames, of which size and times, the tensor's CRC-32, and its own (from version 2 on). It
is replaced as a whole, in one rename, so that there is a good one at any moment.
"""

import zlib
from dataclasses import asdict, fields
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, PlainValidator, ValidationError, model_validator
from pydantic.dataclasses import dataclass
from safetensors.numpy import save

from ...errors import LatentError
from ...limits import DEFAULT_LIMITS, Limits
from ...system.files import replacing, writing
from ...system.validation import first_problem
from ...version import __version__
from .header import (
    MAX_PIXELS,
    Channels,
    FutureVersionError,
    HeaderError,
    Moment,
    Positive,
    Side,
    Text,
    Ticks,
    opened,
    sealed,
)
from .layout import Tensors

#: The one metadata key of the file.
METADATA_KEY = "imfn_memory"
#: The version that this code writes. It reads every version from 1 to this one.
MEMORY_VERSION = 2
# The name of the header's own checksum, which version 1 has not; "crc32" is the tensor's.
_SEAL = "crc32_of_header"
_TENSOR = "memory"


def _half_life(value: Any) -> Any:
    # Whole numbers stay whole, so that the same memory is the same file.
    if type(value) not in (int, float) or not 1 <= value <= 1e6:
        raise ValueError("must be from 1 to 1,000,000 frames")
    return value


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class FadingMemoryHeader:
    """What a fading memory is of.

    half_life: frames after which an error counts half.   frames: how many it has seen.
    first_time, last_time: of the first and the newest frame, in ticks of time_base seconds.
    """

    model: Text
    model_sha256: Text
    half_life: Annotated[float, PlainValidator(_half_life)]
    frames: Ticks
    height: Side
    width: Side
    channels: Channels
    time_base: Positive
    first_time: Moment
    last_time: Moment

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.height * self.width > MAX_PIXELS:
            raise ValueError("size of frames")
        if not 0 <= self.last_time - self.first_time < 1 << 63 or (
            self.frames > 1 and self.first_time == self.last_time
        ):
            raise ValueError("times do not increase")
        return self


class FadingMemoryFile(NamedTuple):
    """A header and its memory, (C, h, w) float32.   whole: whether the memory's checksum is right."""

    header: FadingMemoryHeader
    values: NDArray[np.float32]
    whole: bool = True

    def write(self, path: Path, *, force: bool) -> int:
        """Put it at `path` in one rename; returns the file's size. Raises `OutputError`."""
        values = np.ascontiguousarray(self.values, np.float32)
        about: dict[str, Any] = asdict(self.header)
        base: Fraction = about["time_base"]
        about |= {"format": MEMORY_VERSION, "tool": f"imfn {__version__}"}
        about |= {"time_base": f"{base.numerator}/{base.denominator}", "crc32": zlib.crc32(values.tobytes())}
        content = save({_TENSOR: values}, {METADATA_KEY: sealed(about, _SEAL)})
        with replacing(path, force=force) as temporary, writing(path):
            temporary.write_bytes(content)
        return len(content)

    @classmethod
    def read(cls, path: Path, limits: Limits = DEFAULT_LIMITS) -> "FadingMemoryFile":
        """What `write` wrote.

        Raises `LatentError` where the header is damaged, or of a future version, and `LimitError` where it
        is larger than memory may be. A damaged memory is not `whole`.
        """
        tensors = Tensors(path)
        limits.check_memory(path, path.stat().st_size, "reading it")
        try:
            if _TENSOR not in tensors or tensors.kind(_TENSOR)[0] != "F32":
                raise HeaderError(f"no tensor {_TENSOR!r} of type F32")
            values = tensors.load(_TENSOR)
            about = _about(tensors.metadata.get(METADATA_KEY, ""))
            whole = about.pop("crc32", None) == zlib.crc32(values.tobytes())
            names = {field.name for field in fields(FadingMemoryHeader)}
            if set(about) != names:
                raise HeaderError(f"fields {', '.join(sorted(names ^ set(about)))!r:.60}")
            return cls(FadingMemoryHeader(**about), values, whole)
        except FutureVersionError as error:
            raise LatentError(f"{path}: a memory of a later version; upgrade imfn to read it") from error
        except ValidationError as error:
            reason = first_problem(error)
            raise LatentError(f"{path}: its header is damaged ({reason}); stream the source again") from error
        except HeaderError as error:
            raise LatentError(f"{path}: its header is damaged ({error}); stream the source again") from error


def _about(text: str) -> dict[str, Any]:
    """The header's fields and the memory's checksum."""
    about = opened(text, MEMORY_VERSION, f"1 to {MEMORY_VERSION}", checksum=_SEAL, sealed_from=2)
    del about["format"]
    about.pop("tool", None)
    return about
