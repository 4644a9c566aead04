"""The options that name codecs to compare with: --against, --preset and --crf, from the table of peers."""

from collections.abc import Sequence
from typing import Annotated

import typer

from ..evaluation.peers import PEERS, sweep
from ..evaluation.rows import Setting
from .options import parse_numbers

Against = Annotated[
    str | None,
    typer.Option(
        "--against",
        metavar="CODEC,…",
        help=f"Encode the same frames with {', '.join(PEERS)}.",
        show_default="none",
    ),
]
_OTHER_NAMES = [
    f"; of {name} its {peer.preset_option}" for name, peer in PEERS.items() if peer.preset_option != "preset"
]
Preset = Annotated[
    list[str] | None,
    typer.Option(
        "--preset",
        metavar="CODEC=P",
        help=f"Preset of a codec{''.join(_OTHER_NAMES)}. Repeat for others.",
        show_default=", ".join(f"{name}={peer.preset}" for name, peer in PEERS.items()),
    ),
]
Crf = Annotated[
    list[str] | None,
    typer.Option(
        "--crf",
        metavar="CODEC=N,…",
        help="Rate factors of a codec. Repeat for others.",
        show_default="four that span 30 to 41 dB",
    ),
]


def parse_peers(
    against: str | None, presets: Sequence[str] | None, crfs: Sequence[str] | None
) -> list[Setting]:
    """The settings of all peers. Raises usage errors that name what is known."""
    named = [_known(name.strip(), "--against") for name in (against or "").split(",") if name.strip()]
    chosen = list(dict.fromkeys(named))
    by_preset, by_crf = _pairs(presets, "--preset"), _pairs(crfs, "--crf")
    for option, pairs in (("--preset", by_preset), ("--crf", by_crf)):
        for name in pairs:
            if name not in chosen:
                raise typer.BadParameter(f"{name} is not among --against", param_hint=option)
    settings = []
    for name in chosen:
        numbers = parse_numbers(by_crf[name], "--crf") if name in by_crf else None
        try:
            settings += sweep(name, numbers, by_preset.get(name))
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--preset or --crf") from None
    return settings


def _pairs(texts: Sequence[str] | None, option: str) -> dict[str, str]:
    """'CODEC=VALUE' words → codec → value. Raises usage errors."""
    found = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not value:
            raise typer.BadParameter(f"{text!r}: write CODEC=VALUE", param_hint=option)
        found[_known(name, option)] = value
    return found


def _known(name: str, option: str) -> str:
    if name not in PEERS:
        raise typer.BadParameter(f"no codec {name!r}; known: {', '.join(PEERS)}", param_hint=option)
    return name
