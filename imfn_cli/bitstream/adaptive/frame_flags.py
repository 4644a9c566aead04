"""What is said of a whole frame: whether the loop filter smooths it; and the size of the coder's state."""

from ...system.compiled import kernel
from ...system.held import held
from .binary_coder import Coder, code_single
from .partition_flags import PARTITION_CONTEXTS, PARTITION_SETS

_FILTER = PARTITION_CONTEXTS
#: Contexts and sets of mixing weights of a GOP's coder.
CONTEXTS, SETS = PARTITION_CONTEXTS + 8, PARTITION_SETS


def code_filtered(coder: Coder, flag: bool) -> bool:
    """Whether the loop filter smooths the frame; a decoder's `flag` is not looked at."""
    return bool(_code_filtered(coder, int(flag)))


@kernel
def _code_filtered(cd, flag):
    return code_single(held(cd), _FILTER, flag)
