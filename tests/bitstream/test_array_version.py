"""Array latents of version 2, of a tree that was fitted to the array, stay readable.

`pytest tests/bitstream/test_array_version.py --regenerate` writes the fixture where there is none.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

import imfn_cli as imfn
from imfn_cli.bitstream.exact.array_file import ArrayFile

from ..codec.exact.test_trees import psnr, scene

FOLDER = Path(__file__).parent / "fixtures" / "array-v2"
LATENT, MEMORIES, FRAMES = (FOLDER / name for name in ("latent.safetensors", "memories.npz", "frames.npy"))


def numbers(latent: Path) -> dict[str, np.ndarray]:
    """The whole numbers that are coded, by the memory's place in time and its level."""
    header = ArrayFile(latent).header
    assert header.tree is not None
    with imfn.open_array(latent) as opened:
        found = list(opened.memories())
    return {
        f"{place}-{level}": np.rint(np.asarray(memory, np.float64) / header.tree.step).astype(np.int32)
        for place, (level, memory) in enumerate(found)
    }


@pytest.fixture(autouse=True)
def written(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--regenerate") or LATENT.exists():
        return
    FOLDER.mkdir()
    # Two whole trees of eight frames, then those of four, two and one.
    imfn.compress(scene(23, (20, 26)), LATENT, ratio=8, quality=60)
    found: dict[str, Any] = dict(numbers(LATENT))
    np.savez_compressed(MEMORIES, **found)
    with imfn.open_array(LATENT) as opened:
        np.save(FRAMES, np.asarray(opened))


def test_memories_are_the_same_numbers() -> None:
    found, wanted = numbers(LATENT), np.load(MEMORIES)
    assert list(found) == wanted.files
    assert {name.split("-")[1] for name in found} == {"3", "2", "1", "0"}
    for name, memory in found.items():
        np.testing.assert_array_equal(memory, wanted[name])


def test_frames_come_back_as_ever() -> None:
    """But for rounding, which machines do differently."""
    with safe_open(LATENT, framework="np") as opened:
        assert json.loads(opened.metadata()["imfn_array"])["format"] == 2
    with imfn.open_array(LATENT) as latent:
        found = np.asarray(latent)
    wanted = np.load(FRAMES)
    assert (found.shape, found.dtype.str) == ((23, 20, 26), "<u2")
    assert np.abs(found.astype(int) - wanted.astype(int)).max() <= 1
    assert psnr(scene(23, (20, 26)), found) > 39
