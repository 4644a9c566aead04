"""docs/FORMAT.md, section 21, is enough to write a decoder of array latents with memories."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imfn_cli as imfn

from ..codec.exact.arrays import made
from .second_memories import decode_memories

FIXTURE = Path(__file__).parents[1] / "bitstream" / "fixtures" / "array-v2" / "latent.safetensors"


def assert_the_same(path: Path) -> None:
    """Memories to the last bit, samples but for rounding."""
    header, memories, frames = decode_memories(path)
    step = np.float32(header["tree"]["step"])
    ours = [(one.level, values.astype(np.float32) * step) for one in memories for values in one.values]
    with imfn.open_array(path) as latent:
        theirs = list(latent.memories())
        restored = np.asarray(latent)
    assert [level for level, _ in ours] == [level for level, _ in theirs]
    for (_, mine), (_, other) in zip(ours, theirs, strict=True):
        assert mine.tobytes() == np.ascontiguousarray(other, np.float32).tobytes()
    assert frames.size == restored.size
    frames = frames.reshape(restored.shape)
    assert frames.dtype.str == restored.dtype.str
    if frames.dtype.kind != "f":
        assert np.abs(frames.astype(int) - restored.astype(int)).max() <= 1
        assert (frames != restored).mean() < 0.01
    else:
        low, high = header["tree"]["span"]
        np.testing.assert_allclose(frames, restored, rtol=1e-3, atol=1e-5 * (high - low))
        odd = ~np.isfinite(restored)
        assert frames[odd].tobytes() == restored[odd].tobytes()


def test_what_was_written_once() -> None:
    assert_the_same(FIXTURE)


@pytest.mark.parametrize(
    ("shape", "dtype", "kind", "ratio", "how"),
    [
        ((13, 17, 22), "<u2", "smooth", 4, {}),
        ((9, 16, 16, 3), "|u1", "colour", 2, {"quality": 80}),
        ((7, 12, 14, 5), ">f4", "gaps", 4, {}),
        ((40, 30), "<f4", "smooth", 16, {"gop": 0}),
        ((6, 9, 11), "|b1", "noise", 1, {}),
        ((20, 8, 8), "<i2", "constant", 8, {}),
    ],
)
def test_other_shapes_and_types(
    shape: tuple[int, ...], dtype: str, kind: str, ratio: int, how: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "x.safetensors"
    imfn.compress(made(shape, np.dtype(dtype), kind), path, ratio=ratio, fit=True, **how)
    assert_the_same(path)
