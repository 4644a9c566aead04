"""`python -m imfn_cli` is `imfn`."""

from .cli.main import main

main()
