"""The codecs of today to compare with: one entry of `PEERS` declares one, and nothing else names it.

Whoever adds an encoder that FFmpeg has adds an entry: `imfn eval --against`, its --preset and --crf, `imfn
bench codecs`, BD-rates, plot and page read this table, and `peer_coding` runs every entry alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from .rows import Setting


@dataclass(frozen=True)
class Peer:
    """One codec: its encoder in FFmpeg, how it is run, and how its curve is drawn.

    encoder: FFmpeg's name of it.   decoders: the first that is there decodes.
    preset, presets: the default, and all that it knows, the number or name that goes with `preset_option`.
    crfs: rate factors that a sweep takes unless told, chosen so that most clips span what ours do, about 26
    to 41 dB; 0 … highest_crf are allowed.   crf_option, preset_option: what the encoder calls these two.
    options: others that it is given, always.   environment: variables that it reads, set unless they are.
    side: smallest side of a picture that is safe to encode; smaller ones are padded.
    colour, dark_colour: of its curve on a white and on a dark page, "#rrggbb".   mark: of its points.
    """

    encoder: str
    decoders: tuple[str, ...]
    preset: str
    presets: tuple[str, ...]
    crfs: tuple[int, ...]
    highest_crf: int
    colour: str
    dark_colour: str
    mark: Literal["square", "diamond", "triangle", "down"]
    preset_option: str = "preset"
    crf_option: str = "crf"
    options: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    side: int = 16


_X26X_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)

# One thread each, as the network has one: results then do not depend on the machine either. The colours stay
# apart for the colour-blind too.
PEERS = {
    "x264": Peer(
        encoder="libx264",
        decoders=("h264",),
        preset="medium",
        presets=_X26X_PRESETS,
        crfs=(18, 25, 32, 39),
        highest_crf=51,
        colour="#b57700",
        dark_colour="#f0b429",
        mark="square",
    ),
    "x265": Peer(
        encoder="libx265",
        decoders=("hevc",),
        preset="medium",
        presets=_X26X_PRESETS,
        crfs=(18, 25, 32, 39),
        highest_crf=51,
        options={"x265-params": "pools=none:frame-threads=1:log-level=error"},
        # Its block size is the same for a whole process: a small picture after larger ones crashes it.
        side=64,
        colour="#c2410c",
        dark_colour="#f2773f",
        mark="diamond",
    ),
    "av1": Peer(
        encoder="libsvtav1",
        decoders=("libdav1d", "libaom-av1", "av1"),
        preset="6",
        presets=tuple(str(preset) for preset in range(14)),
        crfs=(24, 38, 50, 63),
        highest_crf=63,
        options={"svtav1-params": "lp=1"},
        # It tells its life's story otherwise.
        environment={"SVT_LOG": "1"},
        colour="#b0417e",
        dark_colour="#ea8cbd",
        mark="triangle",
    ),
    "vp9": Peer(
        encoder="libvpx-vp9",
        decoders=("vp9", "libvpx-vp9"),
        preset_option="cpu-used",
        preset="2",
        presets=tuple(str(preset) for preset in range(9)),
        crfs=(24, 36, 48, 60),
        highest_crf=63,
        # b=0: constant quality; one pass.
        options={"b": "0", "deadline": "good"},
        colour="#6a6a6a",
        dark_colour="#b0b0b0",
        mark="down",
    ),
}


def _for_psnr(peer: Peer, colour: str, dark_colour: str) -> Peer:
    """As it is when PSNR is all that counts: by default it spends bits on what eyes see."""
    options = {**peer.options, "tune": "psnr"}
    return replace(peer, options=options, colour=colour, dark_colour=dark_colour)


PEERS["x264-psnr"] = _for_psnr(PEERS["x264"], "#7a5200", "#c9961f")
PEERS["x265-psnr"] = _for_psnr(PEERS["x265"], "#862d08", "#c75f2c")

#: What is compared with unless told.
USUAL = ("x264", "x265", "av1", "vp9")


def sweep(codec: str, crfs: Sequence[int] | None = None, preset: str | None = None) -> list[Setting]:
    """The settings of a peer over its CRFs. Raises `ValueError` for what the encoder does not know."""
    peer = PEERS[codec]
    preset = peer.preset if preset is None else preset
    if preset not in peer.presets:
        raise ValueError(f"{codec} has no {peer.preset_option} {preset!r}; choose {', '.join(peer.presets)}")
    for crf in crfs or ():
        if not 0 <= crf <= peer.highest_crf:
            raise ValueError(f"{codec}: crf {crf} is not in 0 … {peer.highest_crf}")
    # "medium" speaks for itself, "6" does not.
    named = peer.preset_option == "preset" and not preset.isdecimal()
    name = preset if named else f"{peer.preset_option} {preset}"
    return [Setting(codec, crf=crf, preset=name) for crf in crfs or peer.crfs]
