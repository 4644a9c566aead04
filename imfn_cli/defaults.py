"""What is chosen where the user does not say; imports nothing, so that `imfn --help` can show it."""

from typing import NamedTuple

#: Frames per memory where the forest's cut is fixed: of models that can be no adaptive forest, of students.
RATIO = 16
#: The ratio of an adaptive forest.
AUTO = "auto"
#: Frames per memory of a stream.
STREAM_RATIO = 16
#: 0 to 100, see `bitstream/quantiser.py`.
QUALITY = 50
#: Of an adaptive forest's encoder, 1 to 3.
EFFORT = 2
#: Frames in a group of pictures.
GOP = 256


class Preset(NamedTuple):
    """Settings for a purpose; what is said explicitly goes before.   ratio: None: as without a preset."""

    ratio: int | None = None
    gop: int = GOP
    effort: int = EFFORT


#: By name, what `compress` takes where nothing else is said.
PRESETS = {
    # The fewest bytes, however long that takes.
    "archive": Preset(effort=3),
    # Coded fast, and begun or gone on with anywhere after few frames.
    "stream": Preset(gop=64, effort=1),
    # Any frame costs one memory, and memories are of one kind: for training and as features.
    "dataset": Preset(ratio=4, gop=0),
}
#: Frames after which an error in a fading memory counts half.
HALF_LIFE = 32.0
#: Seconds of training between two checkpoints: what a kill can cost.
CHECKPOINT_SECONDS = 120.0
