"""What a peer makes of a clip in as many bytes as our latent took: the fairest picture beside ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ..errors import ImfnError
from . import peer_coding
from .clip import Clip
from .peers import PEERS
from .rows import IMFN, Row, Setting

Pixels = NDArray[np.uint8]
# Rate factors that are tried, at most: each is the whole clip once.
_TRIES = 4


@dataclass(frozen=True)
class PeerFrames:
    """Frames of a clip by way of a peer: index → uint8 (H, W, C). bytes: of all its packets."""

    label: str
    crf: int
    bytes: int
    frames: dict[int, Pixels]

    @property
    def name(self) -> str:
        """Of the codec and its setting: "x264 medium crf 27"."""
        return f"{self.label} crf {self.crf}"


def at_equal_bytes(clip: Clip, rows: Sequence[Row], size: int, wanted: Sequence[int]) -> PeerFrames | None:
    """The frames of the numbers `wanted` as the first peer among `rows` codes them in about `size` bytes.

    rows: of this clip. Of the rate factors that the measured curve, and what is tried then, point at, the one
    whose file comes nearest is taken. None where no peer was measured, or it refuses the clip now.
    """
    of_peers = [row for row in rows if row.codec != IMFN and row.crf is not None and row.bytes]
    if not of_peers:
        return None
    codec, label = of_peers[0].codec, of_peers[0].label
    curve = {row.crf or 0: row.bytes or 1 for row in of_peers if row.label == label}
    tried: dict[int, peer_coding.Encoded] = {}
    for _ in range(_TRIES):
        untried = [crf for crf in nearest_crfs(list(curve.items()), size, codec) if crf not in tried]
        if not untried:
            break
        setting = Setting(codec, crf=untried[0], preset=label.removeprefix(f"{codec} "))
        try:
            with clip.open() as sequence:
                tried[untried[0]] = peer_coding.encode(sequence, setting)
        except ImfnError:
            return None
        curve[untried[0]] = tried[untried[0]].size
    crf, encoded = min(tried.items(), key=lambda one: abs(one[1].size - size))
    decoded = enumerate(islice(peer_coding.decode(encoded), max(wanted) + 1))
    return PeerFrames(label, crf, encoded.size, {i: pixels for i, pixels in decoded if i in wanted})


def nearest_crfs(curve: Sequence[tuple[int, int]], size: int, codec: str) -> list[int]:
    """The two rate factors around the one that should give `size` bytes, or one where that is whole.

    curve: (rate factor, bytes) that were measured; between them the bytes fall exponentially, and beyond them
    as between the last two.

    >>> nearest_crfs([(20, 4000), (30, 1000)], 2000, "x264")
    [25]
    >>> nearest_crfs([(20, 4000), (30, 1000)], 1500, "x264")
    [27, 28]
    """
    crfs, sizes = (np.array(values, float) for values in zip(*sorted(curve), strict=True))
    if len(crfs) == 1:
        return [int(crfs[0])]
    logs = np.log(sizes)
    # Of rising numbers, which interpolation needs.
    guess = float(np.interp(np.log(size), logs[::-1], crfs[::-1]))
    for near, next_one in ((0, 1), (-1, -2)):
        slope = (logs[next_one] - logs[near]) / (crfs[next_one] - crfs[near])
        beyond = np.log(size) > logs[0] if near == 0 else np.log(size) < logs[-1]
        if beyond and slope:
            guess = float(crfs[near] + (np.log(size) - logs[near]) / slope)
    guess = min(max(guess, 0.0), float(PEERS[codec].highest_crf))
    guess = round(guess, 6)
    return sorted({int(np.floor(guess)), int(np.ceil(guess))})
