"""What a file shall come to, and how near a pass came."""

import math
import re
from dataclasses import dataclass
from typing import Literal

#: Relative tolerance of rates and sizes, and that of a PSNR in dB.
TOLERANCE = 0.02
PSNR_TOLERANCE = 0.1
_SIZE = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(?:([kmgt])(i?))?(?:b|bytes?)?", re.IGNORECASE | re.ASCII)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
# What a step of quality adds, about: dB, and to the logarithm of bytes.
_PSNR_SLOPE, _LOG_SLOPE = 0.35, 0.068


@dataclass(frozen=True)
class Target:
    """What a file shall come to.

    of: "psnr", mean over frames in dB of 8-bit RGB; "kbps", 1000 bits a second of the whole file; "size", its
    bytes, never more.   value: the wanted one.

    The search goes by *positions*, which rise about linearly with quality: dB, or the logarithm of bytes.
    Raises ValueError for a value that is not above 0.
    """

    of: Literal["psnr", "kbps", "size"]
    value: float

    def __post_init__(self) -> None:
        if not 0 < self.value < math.inf:
            raise ValueError(f"a target of {self.value:g}; name a number above 0")

    def position(self, reached: float) -> float:
        """The position of a value that a pass reached."""
        return reached if self.of == "psnr" else math.log(reached)

    @property
    def aim(self) -> float:
        """The position that the search goes for: in the middle of what is accepted."""
        # A file of exactly that size would do; one byte more would not.
        return self.position(self.value * (1 - TOLERANCE / 2) if self.of == "size" else self.value)

    @property
    def slope(self) -> float:
        """What a step of quality adds to the position, about."""
        return _PSNR_SLOPE if self.of == "psnr" else _LOG_SLOPE

    def accepts(self, reached: float) -> bool:
        """Whether a value is near enough."""
        if self.of == "psnr":
            return abs(reached - self.value) <= PSNR_TOLERANCE
        return self.value * (1 - TOLERANCE) <= reached <= self.most

    @property
    def most(self) -> float:
        """The largest rate or size that will do."""
        return self.value * (1 + TOLERANCE) if self.of == "kbps" else self.value

    def keeps(self, reached: float) -> bool:
        """Whether a value is at least as good as wanted: a file no larger, a PSNR no lower."""
        return self.accepts(reached) or (reached >= self.value if self.of == "psnr" else reached <= self.most)

    def text(self, value: float | None = None) -> str:
        """A value of its kind, itself unless given, as messages show it."""
        shown = self.value if value is None else value
        if self.of == "psnr":
            return f"{shown:.2f} dB"
        return f"{shown:,.1f} kbit/s" if self.of == "kbps" else f"{shown:,.0f} bytes"


def parse_size(text: str) -> int:
    """'2MB', '1.5 GiB', '300k' → bytes: k, M, G, T are powers of 1000, with an i powers of 1024.

    Raises ValueError for other text.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no size; write 500kB, 2MB or 1.5GiB")
    number, prefix, binary = match.groups()
    return round(float(number) * (1024 if binary else 1000) ** _POWERS[(prefix or "").lower()])
