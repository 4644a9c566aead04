"""What the coder knows before it begins, fitted to training clips (`fitting`); the format fixes it."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...system.files import replacing, writing


class Tables(NamedTuple):
    """What is in contexts.npz.

    near (C, 6), both (C, 4) int16: channels that tell most of each; of near only ones coded before, −1: none.
    p, n, w: probabilities, counts and mixing weights that every GOP begins with; see
    `bitstream.adaptive.binary_coder.Coder`.   loop (classes, taps) int32: weights of the loop filter.
    """

    near: NDArray[np.int16]
    both: NDArray[np.int16]
    p: NDArray[np.uint16]
    n: NDArray[np.uint8]
    w: NDArray[np.int32]
    loop: NDArray[np.int32]


def load_tables(path: Path) -> Tables:
    """The tables of a file that `save_tables` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return Tables(*(arrays[name] for name in Tables._fields))


def save_tables(tables: Tables, path: Path) -> None:
    """Write tables to `path`, which may be there already. Raises `OutputError`."""
    with replacing(path, force=True) as place, writing(path):
        np.savez_compressed(place, **tables._asdict())


#: Those of the format.
TABLES = load_tables(Path(__file__).parent / "contexts.npz")
