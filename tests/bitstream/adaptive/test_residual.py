"""Made-up streams: symbols stay within what the grid of known symbols holds."""

import numpy as np
import pytest

from imfn_cli.bitstream.adaptive.binary_coder import finish, new_coder
from imfn_cli.bitstream.adaptive.residual import MAX_SYMBOL, RESIDUAL_CONTEXTS, RESIDUAL_SETS, code_leaf
from imfn_cli.codec.adaptive.tables import TABLES
from tests.kernels import from_python

pytestmark = pytest.mark.xdist_group("adaptive")
_code_leaf = from_python(code_leaf)


@pytest.mark.parametrize(("symbol", "found"), [(-32768, -MAX_SYMBOL), (40000, MAX_SYMBOL), (-7, -7), (1, 1)])
def test_symbols_beyond_the_grid_are_cut_off(symbol: int, found: int) -> None:
    def fields() -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((6, 8, 192), np.int16), np.zeros((6, 8), np.int16)

    encoder, symbols = new_coder(RESIDUAL_CONTEXTS, RESIDUAL_SETS), np.zeros(192, np.int32)
    symbols[0] = symbol
    _code_leaf(encoder, TABLES.near, TABLES.both, 1, *fields(), 1, 1, symbols, 0)
    decoder = new_coder(RESIDUAL_CONTEXTS, RESIDUAL_SETS, data=finish(encoder) + bytes(range(200)))
    grid, lasts = fields()
    symbols[:] = 0
    assert _code_leaf(decoder, TABLES.near, TABLES.both, 1, grid, lasts, 1, 1, symbols, -1) == 0
    assert (symbols[0], grid[1, 1, 0]) == (found, found)
    # What is made up comes after it, and refers to it.
    for column in range(2, 7):
        _code_leaf(decoder, TABLES.near, TABLES.both, 1, grid, lasts, 1, column, symbols, -1)
        assert decoder.ctx.min() >= 0
        assert decoder.ctx.max() < RESIDUAL_CONTEXTS
