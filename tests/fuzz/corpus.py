"""Inputs that earlier runs have found worth going on from, in one file."""

import zipfile
from pathlib import Path

_FILE = Path(__file__).parent / "corpus.zip"
# Of each target the shortest; longer ones are the same several times over.
_MOST, _LONGEST = 60, 1 << 12


def packed(target: str) -> list[bytes]:
    """The inputs of a target, in the order of their names."""
    with zipfile.ZipFile(_FILE) as archive:
        names = [name for name in sorted(archive.namelist()) if name.startswith(f"{target}/")]
        return [archive.read(name) for name in names]


def pack(folder: Path) -> None:
    """Replace what is kept by a corpus, a folder for each target. The same inputs make the same file."""
    with zipfile.ZipFile(_FILE, "w", zipfile.ZIP_DEFLATED) as archive:
        for target in sorted(path for path in folder.iterdir() if path.is_dir()):
            contents = {path.read_bytes() for path in target.iterdir()}
            short = sorted((one for one in contents if len(one) <= _LONGEST), key=lambda one: (len(one), one))
            # Evenly from short to long.
            for number, content in enumerate(short[:: -(-len(short) // _MOST)]):
                # A fixed time, of the format's first day.
                archive.writestr(zipfile.ZipInfo(f"{target.name}/{number:04d}"), content)
