"""docs/FORMAT.md, section 20, is enough to write a decoder of array latents."""

from pathlib import Path

import numpy as np
import pytest

import imfn_cli as imfn

from ..codec.exact.arrays import made
from .second_array import decode_array

FIXTURES = Path(__file__).parents[1] / "codec" / "exact" / "fixtures"


@pytest.mark.parametrize("name", sorted(path.stem for path in FIXTURES.glob("*.safetensors")))
def test_what_was_written_once(name: str) -> None:
    path = FIXTURES / f"{name}.safetensors"
    _, found = decode_array(path)
    with imfn.open_array(path) as latent:
        assert found == np.asarray(latent).tobytes()


@pytest.mark.parametrize(
    ("shape", "dtype", "kind", "how"),
    [
        ((5, 37, 45), "<u2", "smooth", {"max_error": 2}),
        ((6, 50, 3, 2), "<i2", "noise", {"lossless": True}),
        ((4, 20, 21, 3), "|u1", "colour", {"lossless": True}),
        ((3, 33, 18, 5), "<u2", "colour", {"max_error": 2}),
        ((3, 34, 36, 4), "|u1", "smooth", {"lossless": True}),
        ((40, 9), "<f4", "gaps", {"max_error": 0.25}),
        ((7, 21), "<f2", "wide", {"lossless": True}),
        ((30,), ">i8", "wide", {"lossless": True}),
        ((4, 16, 18), "<u8", "noise", {"lossless": True}),
        ((4, 11, 12), "|b1", "noise", {"lossless": True}),
        ((11, 13, 2), "|i1", "constant", {"lossless": True}),
    ],
)
def test_other_shapes_and_types(
    shape: tuple[int, ...], dtype: str, kind: str, how: dict[str, float], tmp_path: Path
) -> None:
    path = tmp_path / "x.safetensors"
    imfn.compress(made(shape, np.dtype(dtype), kind), path, **how)  # type: ignore[call-overload]
    _, found = decode_array(path)
    with imfn.open_array(path) as latent:
        assert found == np.asarray(latent).tobytes()
