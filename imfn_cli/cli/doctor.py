"""`imfn doctor`: does imfn work here?"""

import textwrap
from typing import TYPE_CHECKING

from .. import defaults
from . import options
from .messages import say
from .output import Output

if TYPE_CHECKING:
    from ..reports import DoctorReport, SelfTest

_COLUMNS = 80


def doctor(json: options.Json = False, quiet: options.Quiet = False) -> int:
    """Show versions, codecs, devices, threads, models and extras, and test them on a made-up clip.

    Takes a few seconds. Exit code 1 where something is wrong. What it prints belongs into a bug report.
    """
    out = Output(json, quiet)
    # Loads PyTorch and more, which the help does without.
    from ..diagnosis import diagnose

    report = diagnose()
    out.result(report.to_dict(), *human(report))
    for problem in report.problems:
        say(problem)
    return 0 if report.ok else 1


def human(report: "DoctorReport") -> list[str]:
    """The report, a line for each subject."""
    tested = report.self_test
    result = f"{tested.psnr:.1f} dB" if tested.psnr is not None else "failed"
    encoders = (name if there else f"{name} (missing)" for name, there in report.encoders.items())
    models = (f"{model.name} (default)" if model.default else model.name for model in report.models)
    missing = [name for name, lacks in report.extras.items() if lacks]
    extras = [name for name in report.extras if name not in missing] or ["none"]
    without = f"; without {', '.join(missing)}" if missing else ""
    lines = {
        f"imfn {report.version}": f"Python {report.python}, {report.platform}",
        "packages": ", ".join(f"{name} {version}" for name, version in report.packages.items()),
        "FFmpeg": ", ".join(f"{name} {version}" for name, version in report.ffmpeg.items()),
        "encoders": ", ".join(encoders),
        "devices": f"{', '.join(report.devices)}; auto takes {report.device}",
        "threads": f"{report.threads} of PyTorch, {report.cores} cores",
        "models": ", ".join(models),
        "extras": ", ".join(extras) + without,
        "self-test": f"{result}, {tested.seconds:.1f} s{_not_tested(tested)}",
    }
    wrapped = (
        line
        for subject, text in lines.items()
        for line in textwrap.wrap(f"{subject:12} {text}", _COLUMNS, subsequent_indent=" " * 13)
    )
    return [*wrapped, "all is well" if report.ok else f"{len(report.problems)} problems"]


def _not_tested(tested: "SelfTest") -> str:
    if tested.ratio == defaults.AUTO:
        return ""
    return (
        f", with -r {tested.ratio}; what the default, -r {defaults.AUTO}, needs is compiled at first use, "
        "about half a minute, and not tested before"
    )
