"""What restoring an array latent takes, told before anything is allocated for it."""

from ...bitstream.exact.array_file import ArrayFile
from ...bitstream.exact.group import plane_bytes
from ...limits import LIBRARIES
from .planes import plane_shape

# Measured, in bytes for each sample of a group: what a pass works on, and how samples are put together.
_SAMPLE = 64
_WIDEST_PATCH = 16
# For each channel of a group: the objects that stand for its planes, and its predictions' weights.
_CHANNEL = 6_000


def check_array_needs(latent: ArrayFile, frames: int) -> None:
    """Raise `LimitError` where so many of its frames (0: none are kept) ask for more than is allowed."""
    header, limits = latent.header, latent.limits
    limits.check_samples(latent.path, frames, header.frame_samples, latent.size)
    limits.check_memory(latent.path, group_bytes(latent), "restoring a group of its frames")


def check_array_memory(latent: ArrayFile, frames: int) -> None:
    """Raise `LimitError` where so many frames at once, as an array, are more than is allowed."""
    whole = frames * latent.header.frame_samples * int(latent.header.dtype[2:])
    # Blocks of them are there while they are put together.
    needed = group_bytes(latent) + 2 * whole
    latent.limits.check_memory(latent.path, needed, "an array of its frames")


def group_bytes(latent: ArrayFile) -> int:
    """RAM for restoring a group of frames: about, and rather too much."""
    header = latent.header
    frames = min(header.frames, header.group_frames)
    axes = header.axes[len(header.axes) - header.frame_axes :]
    height, width, channels = plane_shape(header.frame_shape, axes)
    samples = frames * header.frame_samples
    if header.tree is not None:
        # Patches that frames do not fill are there all the same.
        samples = frames * channels * (height + _WIDEST_PATCH) * (width + _WIDEST_PATCH)
        return LIBRARIES + len(latent.model) + samples * _SAMPLE
    planes = channels * plane_bytes(
        frames, height, width, header.limits, header.error_steps, header.differences
    )
    return LIBRARIES + planes + samples * _SAMPLE + channels * _CHANNEL
