"""What restoring a file takes, told before anything is allocated for it."""

from ..bitstream.container.header import Header
from ..bitstream.container.latent_reader import LatentReader
from ..limits import LIBRARIES, Limits
from ..zoo import Model
from .encoder import CODING_THREADS
from .synthesis import batch_frames

# Memories above this many bytes are large: two threads would hold several times as many.
_LARGE_MEMORY = 64 << 20
# Measured, in sizes of one memory: what decoding a node takes, and restoring frames by linear maps.
_DECODING, _RESTORING = 6, 8
# The same of a prediction in whole numbers, and its reference frame.
_PREDICTING = 5
# Numbers at each grid position while a branch is computed, in its widths.
_BRANCH_WIDTHS = 7
# Bytes of an adaptive forest's decoder for each pixel: of a GOP, and of each frame of its largest windows.
_ADAPTIVE, _ADAPTIVE_FRAME = 32, 70


def decoding_threads(memory: int) -> int:
    """How many threads decode nodes whose memories take `memory` bytes each."""
    return 1 if memory > _LARGE_MEMORY else CODING_THREADS


def check_needs(reader: LatentReader, model: Model, *, frames: int) -> None:
    """Raise `LimitError` where so many `frames` (0: nodes are only checked) ask for more than is allowed."""
    header, limits = reader.header, reader.limits
    check_frames(reader.path, limits, header.height, header.width, frames, reader.size)
    what = "restoring its frames" if frames else "decoding its nodes"
    limits.check_memory(reader.path, needed_bytes(header, model, restore=frames > 0), what)


def check_frames(path: object, limits: Limits, height: int, width: int, frames: int, size: int) -> None:
    """Raise `LimitError` where frames of a file of `size` bytes are too large, or too many."""
    limits.check_frame(path, height, width)
    if frames:
        limits.check_frames(path, frames, height, width, size)


def needed_bytes(header: Header, model: Model, *, restore: bool) -> int:
    """RAM for restoring the frames of a latent, or for decoding its nodes: about, and rather too much."""
    config = model.network.config
    weights = model.weight_bytes
    pixels = header.height * header.width
    if header.adaptive:
        return LIBRARIES + weights + pixels * (_ADAPTIVE + _ADAPTIVE_FRAME * header.ratio)
    h, w = config.grid(header.height, header.width)
    memory = 4 * config.channels * h * w
    threads = decoding_threads(memory)
    needed = LIBRARIES + weights + threads * _DECODING * memory
    if not restore:
        return needed
    if header.whole_numbers:
        needed += _PREDICTING * memory
    # What waits to be restored, then what goes through the network at once.
    needed += (2 * threads + 1) * memory
    at_once = batch_frames(header.height, header.width)
    widest = max((*config.widths, config.leaf_width), default=0)
    return needed + at_once * h * w * 4 * (_RESTORING * config.channels + _BRANCH_WIDTHS * widest)
