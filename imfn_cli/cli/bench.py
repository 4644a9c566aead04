"""`imfn bench`: every table of the README, by name."""

import typer

bench = typer.Typer(help="Reproduce the README's tables.", no_args_is_help=True)
