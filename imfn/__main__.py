"""`python -m imfn`: the command line."""

from imfn_cli.cli.main import main

if __name__ == "__main__":
    main()
