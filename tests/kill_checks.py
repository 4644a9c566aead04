"""What has to hold after a kill, for commands that begin anew or keep more than bytes."""

from pathlib import Path

from imfn_cli.bitstream import FadingMemoryFile, LatentReader, open_file
from imfn_cli.errors import LatentError


def grown(place: Path, whole: Path) -> str | None:
    """What is wrong with a stream's file after a kill: it holds the first nodes of `whole`, and no others."""
    if not place.exists():
        return None
    found, wanted = open_file(place), open_file(whole)
    if isinstance(found, FadingMemoryFile):
        assert isinstance(wanted, FadingMemoryFile)
        ahead = found.header.frames > wanted.header.frames
        return "remembers more frames than there were" if ahead else None
    assert isinstance(found, LatentReader)
    assert isinstance(wanted, LatentReader)
    for node, other in zip(found.nodes, wanted.nodes, strict=False):
        if (node.level, found.read(node)) != (other.level, wanted.read(other)):
            return f"{node} is another than it should be"
    times = list(found.times())
    if len(found.nodes) > len(wanted.nodes) or times != list(wanted.times())[: len(times)]:
        return "has other frames than there were"
    return None


def held_frames(place: Path) -> tuple[int, int]:
    """A stream's file, which may be growing: its number on the disk, and the frames in it; zeros: none."""
    for _ in range(2):
        try:
            number, found = place.stat().st_ino, open_file(place)
        except FileNotFoundError:
            return 0, 0
        except LatentError:
            # It got its final form between two looks at it.
            continue
        assert isinstance(found, LatentReader | FadingMemoryFile)
        return number, found.header.frames
    return 0, 0


def no_half_model(place: Path, whole: Path) -> str | None:
    """What is wrong with a model's folder after a kill: it is the whole model, or says that it is none."""
    weights = place / "model.safetensors"
    # The configuration is written last; a folder without one is no model.
    if not (place / "config.json").exists():
        return None
    same = weights.exists() and weights.read_bytes() == (whole / "model.safetensors").read_bytes()
    return None if same else "has a configuration and other weights"
