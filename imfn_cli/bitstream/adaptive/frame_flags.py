"""What is said of a whole frame: its step, and whether the loop filter smooths it."""

from ...system.compiled import kernel
from ...system.held import held
from .binary_coder import Coder, code_direct, code_single
from .partition_flags import PARTITION_CONTEXTS, PARTITION_SETS

_FILTER = PARTITION_CONTEXTS
_STEP = _FILTER + 1
_STEP_BITS = 6
#: Contexts and sets of mixing weights of a GOP's coder.
CONTEXTS, SETS = PARTITION_CONTEXTS + 8, PARTITION_SETS


def code_filtered(coder: Coder, flag: bool) -> bool:
    """Whether the loop filter smooths the frame; a decoder's `flag` is not looked at."""
    return bool(_code_filtered(coder, int(flag)))


def code_step_offset(coder: Coder, offset: int) -> int:
    """By how much the frame's quality differs, −64 … 64; a decoder's `offset` is not looked at."""
    return int(_code_step_offset(coder, offset))


@kernel
def _code_filtered(cd, flag):
    return code_single(held(cd), _FILTER, flag)


@kernel
def _code_step_offset(cd, offset):
    cd = held(cd)
    if code_single(cd, _STEP, int(offset != 0)) == 0:
        return 0
    negative = code_direct(cd, int(offset < 0))
    magnitude, less = 0, abs(offset) - 1
    for bit in range(_STEP_BITS - 1, -1, -1):
        magnitude = magnitude << 1 | code_direct(cd, (less >> bit) & 1)
    return -1 - magnitude if negative else 1 + magnitude
