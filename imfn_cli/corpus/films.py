"""Long films in parts: several tasks code GOPs of one film, and one joins them to what a single run writes.

A part is a latent of some whole GOPs, shown when they are shown in the film. Joining takes their nodes as
they are, codes the frames after the last part, and copies the sound.
"""

import posixpath
import shutil
import time
from contextlib import ExitStack
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import api, bitstream, codec, defaults, media
from ..errors import InputError
from ..media.elsewhere import staged
from ..reports import CompressReport
from ..system.remote import Stamp, is_remote, joined, remove_files, stamp_of
from ..version import __version__
from .manifest import settings_hash

if TYPE_CHECKING:
    from ..zoo import Model

#: Frames of a part, about: minutes of work.
SEGMENT = 2048


class Cut(NamedTuple):
    """A film is to be done in parts.   parts: how many.   frames: in each; the joiner does what is left."""

    parts: int
    frames: int


class PartDone(NamedTuple):
    """A part is there.   seconds: that it took."""

    seconds: float


def cut_of(source: "media.Source", model: "Model", settings: dict[str, Any], frames: int) -> Cut | None:
    """How a film is cut into parts of about so many frames; None where it stays whole.

    settings: of `api.compress`. One whose length is not known stays whole, and one with a target.
    """
    targets = ("target_psnr", "target_kbps", "target_size")
    if any(settings[name] is not None for name in targets) or not source.rereadable:
        return None
    with _opened(source, settings) as sequence:
        if sequence.info.alpha:
            # Its planes are in the file by GOPs of their own.
            return None
        count = sequence.count()
        ratio, gop, _ = _coding(model, settings)
        unit = codec.part_unit(model, sequence, ratio, gop)
    size = -(-frames // unit) * unit
    if count is None or count < 2 * size:
        return None
    # The end is the joiner's: where the file says too much it holds less.
    return Cut((count - 1) // size, size)


class Film(NamedTuple):
    """A film that is done in parts.

    source: on this machine.   settings: of `api.compress`.   folder: of its parts, hidden beside its latent,
    a path or an address.
    """

    source: "media.Source"
    model: "Model"
    settings: dict[str, Any]
    cut: Cut
    folder: str

    @classmethod
    def at(
        cls,
        place: str,
        stamp: Stamp | None,
        source: "media.Source",
        model: "Model",
        settings: dict[str, Any],
        cut: Cut,
    ) -> "Film":
        """The film whose latent goes to `place`. Parts of another run are its own where all is the same."""
        told = {**settings, "force": None, "limits": None, "stamp": stamp, "model": model.sha256}
        hashed = settings_hash({**told, "cut": cut, "version": __version__})
        name = f".{posixpath.basename(place)[:100]}-{hashed}.imfn-parts"
        if is_remote(place):
            return cls(source, model, settings, cut, joined(place.rsplit("/", 1)[0], name))
        return cls(source, model, settings, cut, str(Path(place).parent / name))

    @property
    def parts(self) -> list[str]:
        """Where its parts are, in order."""
        names = [f"{number:06d}{codec.LATENT_ENDING}" for number in range(self.cut.parts)]
        if is_remote(self.folder):
            return [joined(self.folder, name) for name in names]
        return [str(Path(self.folder) / name) for name in names]

    def code(self, number: int) -> PartDone:
        """Code the part of this number, counted from 0, unless another run did."""
        began, place = time.perf_counter(), self.parts[number]
        if stamp_of(place) is None:
            if not is_remote(place):
                Path(self.folder).mkdir(exist_ok=True)
            with staged((), place, place) as (_, path), _opened(self.source, self.settings) as sequence:
                frames = self.cut.frames
                section = codec.Section(sequence, number * frames, (number + 1) * frames)
                coded = _coding(self.model, self.settings)[2]
                try:
                    coded(section, path, self.model, quality=_quality(self.settings), force=True)
                except InputError:
                    # The film is shorter than it seemed.
                    if section.frames:
                        raise
        return PartDone(time.perf_counter() - began)

    def join(self, place: Path) -> CompressReport:
        """Join the parts to the latent at `place`, byte for byte that of a single run."""
        there = list(takewhile(lambda part: stamp_of(part) is not None, self.parts))
        files = there if is_remote(self.folder) else []
        with staged(files, self.folder, str(place)) as (copies, _), ExitStack() as stack:
            parts = [Path(part) if copies is None else copies / posixpath.basename(part) for part in there]
            if self.settings["verify"]:
                place = stack.enter_context(api.verified(place, self.model, force=self.settings["force"]))
            sequence = stack.enter_context(_opened(self.source, self.settings))
            how = {"quality": _quality(self.settings), "force": self.settings["force"], "parts": parts}
            report: CompressReport = _coding(self.model, self.settings)[2](sequence, place, self.model, **how)
        # Of a part of the source the bytes are not known.
        whole = (self.settings["frames"] or (0, None)) == (0, None)
        return replace(
            report,
            resumed=0,
            verified=self.settings["verify"],
            ratio_of_bytes=report.ratio_of_bytes if whole else None,
        )

    def clear(self) -> None:
        """Remove the parts: the latent is there."""
        if is_remote(self.folder):
            remove_files(*self.parts)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def _opened(source: "media.Source", settings: dict[str, Any]) -> "media.Sequence":
    start, stop = settings["frames"] or (0, None)
    return media.open_sequence(
        source, start=start, stop=stop, stream=settings["stream"], audio=settings["audio"]
    )


def _coding(model: "Model", settings: dict[str, Any]) -> tuple[int | str, int, Any]:
    """Ratio, gop, and what codes with them."""
    names = ("preset", "ratio", "gop", "effort", "student")
    ratio, gop, effort = api.settings_of(*(settings[name] for name in names))
    ratio, _, coded = api.coder_of(model, ratio, gop, effort, settings["student"])
    return ratio, gop, coded


def _quality(settings: dict[str, Any]) -> float:
    quality = settings["quality"]
    return bitstream.checked_quality(defaults.QUALITY if quality is None else quality)
