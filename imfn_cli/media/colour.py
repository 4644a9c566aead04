"""Colour in video: FFmpeg's names and numbers, and the conversion between YCbCr and RGB."""

from av import VideoFrame
from av.video.reformatter import VideoReformatter

# FFmpeg's names by the numbers of ITU-T H.273, which files carry. 2 means "not stated".
MATRICES = {
    0: "gbr",
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
    11: "smpte2085",
    12: "chroma-derived-nc",
    13: "chroma-derived-c",
    14: "ictcp",
}
RANGES = {1: "tv", 2: "pc"}
PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
TRANSFERS = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "iec61966-2-4",
    12: "bt1361e",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    17: "smpte428",
    18: "arib-std-b67",
}


def number_of(name: str | None, names: dict[int, str], *, default: int) -> int:
    """The number of `name`; `default` for None and for names that are not in the table."""
    return next((number for number, known in names.items() if known == name), default)


# The scaler's coefficients by matrix name. As in FFmpeg, a matrix that a file does not state is BT.601 at
# every size, and the constant-luminance BT.2020 is approximated by the other one.
_BT601 = 5
_COEFFICIENTS = {
    "bt709": 1,
    "fcc": 4,
    "bt470bg": _BT601,
    "smpte170m": _BT601,
    "smpte240m": 7,
    "bt2020nc": 9,
    "bt2020c": 9,
}
_LIMITED, _FULL = 1, 2

# Bicubic | accurate rounding | full chroma interpolation. The scaler's defaults repeat chroma samples and
# round downwards: RGB comes out about one level too dark (42 dB instead of 52 after a round trip).
_SCALER = 0x4 | 0x40000 | 0x2000


def is_convertible(matrix: str | None) -> bool:
    """Whether colours of this matrix can be converted (None, not stated, counts as BT.601)."""
    return matrix is None or matrix == "gbr" or matrix in _COEFFICIENTS


class ToRgb:
    """Converts decoded frames of one stream to packed RGB(A), at a fixed size."""

    def __init__(self, width: int, height: int, pixel_format: str = "rgb24") -> None:
        self._size = (width, height)
        self._format = pixel_format
        self._scaler = VideoReformatter()

    def __call__(self, frame: VideoFrame, matrix: str | None, *, full_range: bool) -> VideoFrame:
        """`frame` (any pixel format and size, coded with `matrix`) in this object's RGB format and size."""
        coefficients = _COEFFICIENTS.get(matrix or "", _BT601)
        return self._scaler.reformat(
            frame,
            *self._size,
            format=self._format,
            src_colorspace=coefficients,
            dst_colorspace=_other(coefficients),
            src_color_range=_FULL if full_range else _LIMITED,
            dst_color_range=_FULL,
            interpolation=_SCALER,
        )


class FromRgb:
    """Converts packed RGB frames to the YCbCr (or RGB) pixel format of an encoder."""

    def __init__(self, pixel_format: str) -> None:
        self._format = pixel_format
        self._scaler = VideoReformatter()

    def __call__(self, frame: VideoFrame, matrix: str | None, *, full_range: bool) -> VideoFrame:
        """`frame` (rgb24) in this object's pixel format, coded with `matrix`."""
        coefficients = _COEFFICIENTS.get(matrix or "", _BT601)
        return self._scaler.reformat(
            frame,
            format=self._format,
            src_colorspace=_other(coefficients),
            dst_colorspace=coefficients,
            src_color_range=_FULL,
            dst_color_range=_FULL if full_range else _LIMITED,
            interpolation=_SCALER,
        )


def _other(coefficients: int) -> int:
    """Coefficients that differ from these, for the RGB side, where they have no meaning.

    PyAV 14 converts the range only if the two sides differ in something.
    """
    return 1 if coefficients == _BT601 else _BT601
