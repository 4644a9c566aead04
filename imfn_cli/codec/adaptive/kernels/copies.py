"""Small arrays copied and filled number by number: numba compiles loops faster than slices."""

from ....system.compiled import inner


@inner
def copy_row(source, target):
    """source (n,) → target (n,)."""
    for i in range(target.shape[0]):
        target[i] = source[i]


@inner
def copy_rows(source, target):
    """source (n, m) → target (n, m)."""
    for i in range(target.shape[0]):
        for k in range(target.shape[1]):
            target[i, k] = source[i, k]


@inner
def fill_row(target, value):
    """Every number of target (n,) becomes value."""
    for i in range(target.shape[0]):
        target[i] = value
