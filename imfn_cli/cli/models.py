"""`imfn models`: those that ship and one's own, and the cache folder that keeps the latter."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from .. import zoo
from ..errors import ModelError
from ..zoo.folder import WEIGHTS_FILE
from . import options
from .help import Command
from .lazy_group import Group
from .messages import describe, say
from .output import Output

_FROM = {"shipped": "imfn", "package": "a package", "environment": "$IMFN_MODELS", "cache": "cache"}

models = typer.Typer(
    name="models",
    cls=Group,
    invoke_without_command=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@models.callback()
def list_models(context: typer.Context, json: options.Json = False) -> int:
    """List the models that can be named: those that ship, those in $IMFN_MODELS, and the cached ones.

    Where each lies, its weights' hash, ratios, size, and measured PSNR with float memories; the first is the
    default. A name without a version, such as video, stands for the newest of its kind; released weights are
    never replaced. What a model wrote is restored by it, under whatever name it is here: a latent holds the
    hash.
    """
    if context.invoked_subcommand is not None:
        return 0
    table = Table(
        "model", "from", "hash", "kind", "ratios", "MB", "PSNR in dB", box=None, padding=(0, 2, 0, 0)
    )
    default, rows, broken = zoo.default_model(), [], 0
    for place in zoo.every_model():
        try:
            row = _row(place, default)
        except ModelError as error:
            say(describe(error))
            broken += 1
            continue
        rows.append(row)
        _show(row, table)
    Output(json).result({"models": rows}, table)
    return 1 if broken else 0


@models.command("add", cls=Command)
def add(
    model: Annotated[
        str, typer.Argument(metavar="FOLDER|HUB", help="A model's folder, or hf://org/name@revision.")
    ],
    json: options.Json = False,
) -> None:
    """Copy a model into the cache folder.

    The copy is checked as loading does, and found from then on by its name and by its weights' hash. The
    folder is $IMFN_CACHE where that is set.
    """
    found = zoo.add_to_cache(zoo.find_model(model))
    did = "added" if found.added else "is there already"
    Output(json).result(
        {"name": found.name, "path": str(found.folder), "sha256": found.sha256, "added": found.added},
        f"{found.name} {found.sha256[:12]}: {did} ({found.folder})",
    )


@models.command("remove", cls=Command)
def remove(
    model: Annotated[
        str,
        typer.Argument(metavar="NAME|HASH", help="A cached model: its name, or 8 digits of its hash."),
    ],
    json: options.Json = False,
) -> None:
    """Delete a model from the cache folder.

    Latents that it wrote need it to be restored.
    """
    place = zoo.own_place(model)
    if place is None:
        raise ModelError(f"no model {model!r} in the cache folder; 'imfn models' lists those that are")
    sha256 = zoo.weights_sha256(place.folder)
    zoo.remove_from_cache(place)
    Output(json).result(
        {"name": place.name, "path": str(place.folder), "sha256": sha256},
        f"{place.name} {sha256[:12]}: removed",
    )


def _row(place: zoo.ModelPlace, default: str) -> dict[str, Any]:
    config = zoo.read_config(place.folder)
    return config | {
        "name": place.name,
        "alias": place.alias or None,
        "default": place.origin == "shipped" and place.name == default,
        "origin": place.origin,
        "path": str(place.folder),
        "ratios": [1 << level for level in range(config["network"]["levels"] + 1)],
        "bytes": (place.folder / WEIGHTS_FILE).stat().st_size,
        "sha256": zoo.weights_sha256(place.folder),
    }


def _show(row: dict[str, Any], table: Table) -> None:
    results = row.get("results", {}).get("psnr_float", {})
    table.add_row(
        escape(row["name"])
        + (f" = {row['alias']}" if row["alias"] else "")
        + (" (default)" if row["default"] else ""),
        _FROM[row["origin"]],
        row["sha256"][:12],
        escape(str(row.get("kind", "?"))),
        f"{row['ratios'][0]} … {row['ratios'][-1]}",
        f"{row['bytes'] / 1e6:.1f}",
        "  ".join(f"{ratio}:1 {value:.1f}" for ratio, value in results.items()) or "not measured",
    )
