"""Embedded ICC profiles: colours are converted to sRGB, which frames without a profile are taken for."""

import functools
import io

from PIL import Image, ImageCms

# What 8-bit rounding in a profile that is sRGB in all but its bytes comes to.
_SAME = 2
_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def profile_note(image: Image.Image) -> str:
    """What the user should know of the image's profile; empty where it has none, or one like sRGB."""
    content = image.info.get("icc_profile")
    found = _transform_of(content) if content else None
    return f"colours converted to sRGB from the ICC profile {found[2]!r}" if found else ""


def to_srgb(image: Image.Image) -> Image.Image:
    """The image in sRGB, by its profile; itself where it has none, or one like sRGB. Keeps alpha."""
    content = image.info.get("icc_profile")
    found = _transform_of(content) if content else None
    if found is None:
        return image
    mode, transform, _ = found
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    converted = ImageCms.applyTransform(image.convert(mode), transform)
    assert converted is not None  # not in place
    if mode == "L":
        # Equal in all channels, since gray stays neutral.
        converted = converted.getchannel(1)
    if alpha is not None:
        converted = converted.convert("LA" if mode == "L" else "RGBA")
        converted.putalpha(alpha)
    return converted


@functools.lru_cache(16)
def _transform_of(content: bytes) -> tuple[str, ImageCms.ImageCmsTransform, str] | None:
    """The mode that a profile is for, the way to sRGB, its name; None where that changes nothing."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
        mode = _SPACES[profile.profile.xcolor_space.strip()]
        transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
        if mode != "CMYK" and _largest_change(mode, transform) <= _SAME:
            return None
        return mode, transform, ImageCms.getProfileDescription(profile).strip()
    except (OSError, ImageCms.PyCMSError, KeyError, ValueError):
        # A damaged profile, or one of a space that images do not come in: as if there were none.
        return None


def _largest_change(mode: str, transform: ImageCms.ImageCmsTransform) -> int:
    """By how many levels, at most, colours of a coarse cube are changed."""
    levels = range(0, 256, 51)
    chart: Image.Image
    if mode == "L":
        chart = Image.new("L", (256, 1))
        chart.putdata(range(256))
    else:
        chart = Image.new("RGB", (216, 1))
        chart.putdata([(r, g, b) for r in levels for g in levels for b in levels])
    converted = ImageCms.applyTransform(chart, transform)
    assert converted is not None  # not in place
    pairs = zip(chart.convert("RGB").tobytes(), converted.tobytes(), strict=True)
    return max(abs(one - other) for one, other in pairs)
