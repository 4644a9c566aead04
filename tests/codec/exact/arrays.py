"""Arrays of every type, shape and byte order, with what is hard about them."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

DTYPES = (
    *("|b1", "|i1", "|u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">u4", "<i8", ">i8", "<u8", ">u8"),
    *("<f2", ">f2", "<f4", ">f4", "<f8", ">f8"),
)
KINDS = ("smooth", "noise", "constant", "wide", "gaps", "colour")

dtypes = st.sampled_from([np.dtype(one) for one in DTYPES])
kinds = st.sampled_from(KINDS)
shapes = st.one_of(
    st.tuples(st.integers(1, 40)),
    st.tuples(st.integers(1, 12), st.integers(1, 40)),
    st.tuples(st.integers(1, 9), st.integers(1, 24), st.integers(1, 24)),
    st.tuples(st.integers(1, 5), st.integers(1, 12), st.integers(1, 12), st.integers(1, 6)),
)


def made(shape: tuple[int, ...], dtype: np.dtype[Any], kind: str, seed: int = 0) -> NDArray[Any]:
    """An array of a kind; floats with gaps have NaN, infinities and negative zeros.

    Samples of colour hardly differ along the last axis.
    """
    rng = np.random.default_rng(seed)
    if kind == "wide" and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        whole = rng.integers(limits.min, limits.max, shape, dtype.newbyteorder("="), endpoint=True)
        return whole.astype(dtype)
    values = rng.normal(size=shape) * 20
    if kind == "smooth":
        values = np.cumsum(values, axis=0) / 4 + 30
    if kind == "colour":
        values = rng.normal(size=(*shape[:-1], 1)) * 20 + rng.normal(size=shape) / 2 + 50
    if kind == "constant":
        values = np.full(shape, 42.5)
    if dtype.kind == "b":
        return (values > 10).astype(dtype)
    if dtype.kind in "iu":
        return np.clip(np.rint(values), 0, 100).astype(dtype)
    if kind == "wide":
        with np.errstate(over="ignore"):
            return (np.sign(values) * np.exp(np.abs(values))).astype(dtype)
    if kind == "gaps":
        values[rng.random(shape) < 0.2] = np.nan
        values[rng.random(shape) < 0.1] = -np.inf
        values[rng.random(shape) < 0.1] = -0.0
    return values.astype(dtype)
