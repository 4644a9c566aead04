"""The manual page, from what the commands say of themselves: `imfn --man | man -l -`, or into a file."""

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Any

from ..version import __version__
from .help import Example, sections_of

_ENVIRONMENT = {
    "IMFN_MODELS": "Folders of models of one's own, found by name and by hash.",
    "IMFN_CACHE": "The cache folder, which 'imfn models add' copies into.",
    "IMFN_DATA": "The data folder of benchmarks and recipes.",
    "IMFN_DEBUG": "1: exceptions pass through, with their traceback.",
}
_EXIT = {
    "0": "Done.",
    "1": "Failed; a damaged node counts.",
    "2": "Wrong usage.",
    "130": "Interrupted.",
}


def manual(root: Any) -> str:
    """The page of `root`, the outermost group, and of all commands below it, as man(7) has it."""
    context = root.context_class(root, info_name="imfn")
    lines = [f'.TH IMFN 1 "" "imfn {__version__}" "User Commands"']
    lines += [".SH NAME", f"imfn \\- {_text(_paragraphs(root)[0].rstrip('.'))}"]
    lines += [".SH SYNOPSIS", r"\fBimfn\fR \fICOMMAND\fR [\fIOPTIONS\fR] [\fIARGUMENTS\fR]"]
    lines += [".SH DESCRIPTION", *_described(root)[1:]]
    lines += [".SH OPTIONS", *_parameters(root, context)]
    lines.append(".SH COMMANDS")
    for command, inner in _commands(root, context):
        lines += [f'.SS "{_text(inner.command_path)}"', *_described(command)]
        usage = " ".join(command.collect_usage_pieces(inner))
        lines += [".PP", rf"\fB{_text(inner.command_path)}\fR {_text(usage)}"]
        lines += [*_parameters(command, inner), *_examples(command.examples)]
    lines += [".SH EXAMPLES", *_examples(root.examples)]
    lines += [".SH ENVIRONMENT", *_list(_ENVIRONMENT.items())]
    lines += [".SH EXIT STATUS", *_list(_EXIT.items())]
    return "\n".join(lines) + "\n"


def _commands(group: Any, context: Any) -> Iterator[tuple[Any, Any]]:
    """Every command below a group with its context, depth first."""
    for name in group.commands:
        command = group.load(name) if hasattr(group, "load") else group.commands[name]
        inner = command.context_class(command, info_name=name, parent=context)
        yield command, inner
        if hasattr(command, "commands"):
            yield from _commands(command, inner)


def _paragraphs(command: Any) -> list[str]:
    return [" ".join(one.split()) for one in inspect.cleandoc(command.help or "").split("\n\n")]


def _described(command: Any) -> list[str]:
    return [line for text in _paragraphs(command) for line in (".PP", _text(text))]


def _parameters(command: Any, context: Any) -> list[str]:
    sections = sections_of(command, context)
    lines = []
    for title, records in sections:
        lines += [".PP", rf"\fI{_text(title)}\fR"]
        lines += _list((names, " ".join(told.split())) for names, told in records)
    return lines


def _list(records: Any) -> list[str]:
    return [line for name, text in records for line in (".TP", rf"\fB{_text(name)}\fR", _text(text))]


def _examples(examples: Sequence[Example]) -> list[str]:
    lines = []
    for example in examples:
        lines += [".PP", _text(example.what), ".br", rf"\fB{_text(example.command)}\fR"]
    return lines


def _text(text: str) -> str:
    """Plain text as troff has it: no backslash, no dash, and no dot at a line's start means anything."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("~", r"\(ti").replace("^", r"\(ha")
    text = "".join(sign if sign.isascii() else rf"\[u{ord(sign):04X}]" for sign in text)
    return re.sub(r"^([.'])", r"\\&\1", text.replace('"', r"\(dq"))
