"""What `compress` is asked for: presets, ratio and effort, targets, errors, and what they exclude."""

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import bitstream, codec, defaults, media
from ..errors import InputError, OutputError
from ..limits import NO_LIMITS
from ..reports import CompressReport
from ..system.files import replacing
from ..system.pipes import is_standard

if TYPE_CHECKING:
    from ..zoo import Model


def settings_of(
    preset: str | None, ratio: int | str | None, gop: int | None, effort: int | None, student: bool
) -> tuple[int | str | None, int, int]:
    """Ratio, gop and effort as `compress` takes them, where a preset or nothing says them."""
    chosen = _preset_of(preset)
    gop = chosen.gop if gop is None else operator.index(gop)
    effort = chosen.effort if effort is None else effort
    if ratio is None and not student:
        ratio = chosen.ratio
    if not isinstance(ratio, str | None):
        ratio = operator.index(ratio)
    elif ratio is not None and (ratio != defaults.AUTO or student):
        raise ValueError(f'ratio {ratio!r}: must be a power of two, or "auto" for the tree')
    return ratio, gop, effort


def coder_of(
    model: "Model", ratio: int | str | None, gop: int, effort: int, student: bool
) -> tuple[int | str, dict[str, Any], Callable[..., CompressReport]]:
    """What compresses a sequence with a model: its ratio, its settings, and itself."""
    if ratio is None:
        ratio = defaults.RATIO if student or not codec.fits(model.network.config) else defaults.AUTO
    adaptive = isinstance(ratio, str)
    settings = {"gop": gop} | ({"effort": effort} if adaptive else {"ratio": ratio, "student": student})
    return (
        ratio,
        settings,
        partial(codec.compress_adaptive if adaptive else codec.compress_sequence, **settings),
    )


@contextmanager
def verified(place: Path, model: "Model | None", *, force: bool) -> "Iterator[Path]":
    """A temporary path; what the block writes there becomes `place` if every node of it decodes."""
    with replacing(place, force=force) as temporary:
        yield temporary
        opened = bitstream.open_file(temporary, NO_LIMITS)
        if isinstance(opened, bitstream.ArrayFile):
            report = codec.verify_array(opened)
        else:
            assert not isinstance(opened, bitstream.FadingMemoryFile)
            report = codec.verify_latent(opened, model)
        if not report.ok:
            why = report.damaged[0].problem.replace(str(temporary), str(place))
            raise OutputError(
                f"{why}, as it was just written; nothing was kept. This machine's disk or memory may be "
                "faulty: try another"
            )


def tolerance_of(lossless: bool, max_error: float | str | None, *others: object) -> "codec.Tolerance | None":
    """What samples may differ by, if that is said. others: what then says nothing. Raises ValueError."""
    if not lossless and max_error is None:
        return None
    if lossless and max_error is not None:
        raise ValueError("lossless and max_error exclude one another; give one of them")
    if any(other is not None for other in others):
        raise ValueError("lossless and max_error go without a quality, a target or a model")
    return codec.Tolerance.exact() if max_error is None else codec.Tolerance.parse(max_error)


def check_resume(source: object, output: str | Path | None) -> None:
    """Raise InputError or OutputError where no run could go on from another."""
    if not isinstance(source, media.Source) or not source.rereadable:
        name = source.name if isinstance(source, media.Source) else "frames"
        raise InputError(f"{name}: can be read once only, so nothing can go on; save it to a file first")
    if output is not None and is_standard(output):
        raise OutputError("stdout: no run can go on in it; name a file with -o")


def _preset_of(name: str | None) -> defaults.Preset:
    """The settings of a preset. Raises ValueError."""
    if name is not None and name not in defaults.PRESETS:
        raise ValueError(f"preset {name!r}: must be one of {', '.join(defaults.PRESETS)}")
    return defaults.Preset() if name is None else defaults.PRESETS[name]


def target_of(
    quality: float | None, psnr: float | None, kbps: float | None, size: int | str | None
) -> "codec.Target | None":
    """What the file shall come to, if a target says it. Raises ValueError."""
    if sum(one is not None for one in (quality, psnr, kbps, size)) > 1:
        raise ValueError("a quality and targets exclude one another; give one of them")
    if psnr is not None:
        return codec.Target("psnr", psnr)
    if kbps is not None:
        return codec.Target("kbps", kbps)
    if size is not None:
        return codec.Target("size", codec.parse_size(size) if isinstance(size, str) else size)
    return None
