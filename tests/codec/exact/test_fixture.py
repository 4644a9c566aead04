"""Array latents that were written before are decoded to the same samples: every version, for ever."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imfn_cli as imfn

from .arrays import made

FIXTURES = Path(__file__).parent / "fixtures"
# Written once, those of colour with version 3, others with version 1: what is in them is made again here.
CASES: dict[str, tuple[tuple[tuple[int, ...], str, str], dict[str, Any]]] = {
    "u2-lossless": (((20, 13, 17), ">u2", "noise"), {"lossless": True}),
    "u2-within-3": (((20, 40, 40), "<u2", "smooth"), {"max_error": 3}),
    "f4-gaps": (((9, 12, 11, 3), "<f4", "gaps"), {"lossless": True}),
    "f8-wide": (((7, 9), ">f8", "wide"), {"lossless": True}),
    "u1-colour": (((5, 12, 14, 3), "|u1", "colour"), {"lossless": True}),
    "u2-colour-within-3": (((5, 36, 38, 4), "<u2", "colour"), {"max_error": 3}),
}


@pytest.mark.parametrize("name", CASES)
def test_it_decodes_as_ever(name: str, request: pytest.FixtureRequest) -> None:
    (shape, dtype, kind), how = CASES[name]
    array = made(shape, np.dtype(dtype), kind)
    path = FIXTURES / f"{name}.safetensors"
    if request.config.getoption("--regenerate") and not path.exists():
        path.parent.mkdir(exist_ok=True)
        imfn.compress(array, path, **how)
        if not how.get("lossless"):
            np.save(path.with_suffix(".npy"), np.asarray(imfn.open_array(path)))
    latent = imfn.open_array(path)
    assert isinstance(latent, imfn.ArrayLatent)
    restored = np.asarray(latent)
    assert restored.dtype.str == dtype
    if how.get("lossless"):
        assert restored.tobytes() == array.tobytes()
    else:
        assert np.load(path.with_suffix(".npy")).tobytes() == restored.tobytes()
        assert np.abs(restored.astype(int) - array.astype(int)).max() <= 3
