"""How help reads: options by what they are about, and examples at the end, as click lays text out."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from typer.core import TyperCommand

#: What options are about, in the order of the help. Those that stand nowhere come first, as "Options".
SECTIONS: Mapping[str, Sequence[str]] = {
    "Size and quality": (
        *("--ratio", "--quality", "--target-psnr", "--target-kbps", "--target-size"),
        *("--lossless", "--max-error", "--fit", "--gop", "--low-delay", "--effort", "--float"),
    ),
    "What is read": (
        *("--frames", "--stream", "--no-audio", "--raw", "--pix-fmt", "--fps", "--size", "--input-format"),
        *("--timeout", "--reconnect", "--duration", "--data", "--test", "--memory", "--source", "--first"),
    ),
    "What is written": (
        *("--output", "--format", "--csv", "--plot", "--report", "--results", "--force", "--skip-existing"),
        *("--update", "--manifest", "--skip-damaged", "--sync", "--verify", "--embed-model"),
    ),
    "Model": ("--model", "--student", "--tree", "--forget", "--half-life", "--from", "--device"),
    "Other codecs": ("--against", "--preset", "--crf"),
    "Training": (
        *(
            "--time-limit",
            "--steps",
            "--resume",
            "--seed",
            "--seeds",
            "--learning-rates",
            "--width",
            "--blocks",
        ),
        *("--crop", "--minutes"),
    ),
    "Closed form": ("--linear", "--levels", "--patch", "--channels", "--gray"),
    "Limits": ("--limit-pixels", "--limit-frames", "--limit-memory"),
    "Running": ("--jobs", "--ray", "--segment", "--cache", "--quick", "--json", "--quiet", "--help"),
}
# Options that are something else in other commands than in most.
_ELSEWHERE = {
    ("compress", "--preset"): "Size and quality",
    ("compress", "--resume"): "What is written",
    ("decompress", "--resume"): "What is written",
}
# Fewer options than this are one list.
_MANY = 7
_SECTION_OF = {option: section for section, options in SECTIONS.items() for option in options}


class Example(NamedTuple):
    """A command line, and what it does."""

    command: str
    what: str


class Command(TyperCommand):
    """A command whose help has sections and ends with examples."""

    examples: Sequence[Example] = ()

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then the options by section."""
        for title, records in sections_of(self, ctx):
            with formatter.section(title):
                formatter.write_dl(records)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples."""
        write_examples(formatter, self.examples)


def sections_of(command: Any, context: Any) -> list[tuple[str, list[tuple[str, str]]]]:
    """(title, [(names, help), …]) of what a command takes: arguments, then options by section."""
    arguments: list[tuple[str, str]] = []
    options: list[tuple[str, tuple[str, str]]] = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and parameter.param_type_name == "argument":
            arguments.append(record)
        elif record is not None:
            names = (*parameter.opts, *parameter.secondary_opts)
            places = (_ELSEWHERE.get((command.name, name)) or _SECTION_OF.get(name) for name in names)
            section = next(filter(None, places), "Options")
            options.append((section, record))
    if len(options) < _MANY:
        options = [("Options", record) for _, record in options]
    found = [("Arguments", arguments)]
    found += [
        (title, [record for section, record in options if section == title])
        for title in ("Options", *SECTIONS)
    ]
    return [(title, records) for title, records in found if records]


def write_examples(formatter: Any, examples: Sequence[Example]) -> None:
    """Write the examples: each with what it does above it, so that lines stay whole."""
    if not examples:
        return
    with formatter.section("Examples"):
        for example in examples:
            formatter.write(f"{'':{formatter.current_indent}}# {example.what}\n")
            formatter.write(f"{'':{formatter.current_indent}}{example.command}\n")
