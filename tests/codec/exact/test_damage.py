"""Groups of other bytes than were written, with right checksums: refused with one line, whatever they are."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import imfn_cli as imfn
from imfn_cli.bitstream.container.header import HeaderError, sealed
from imfn_cli.bitstream.exact.array_file import ArrayFile, ArrayWriter
from imfn_cli.bitstream.exact.array_header import ArrayHeader
from imfn_cli.codec.exact.restore import read_group

from .arrays import made

CASES = [("<u2", "smooth", 0), ("<f4", "gaps", 0), ("<f8", "wide", 0), ("<f4", "gaps", 0.5)]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[ArrayHeader, bytes, np.ndarray]]:
    """Header, bytes of the one group, and samples of several latents."""
    found = []
    for index, (dtype, kind, max_error) in enumerate(CASES):
        array = made((9, 30, 20), np.dtype(dtype), kind)
        path = tmp_path_factory.mktemp("whole") / f"{index}.safetensors"
        imfn.compress(array, path, max_error=max_error)
        latent = ArrayFile(path)
        found.append((latent.header, latent.read(latent.groups[0]), array))
    return found


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_bytes(
    written: list[tuple[ArrayHeader, bytes, np.ndarray]],
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
) -> None:
    header, group, array = data.draw(st.sampled_from(written))
    changed = bytearray(group)
    how = data.draw(st.sampled_from(["flip", "cut", "longer", "noise"]))
    if how == "flip":
        for _ in range(data.draw(st.integers(1, 3))):
            changed[data.draw(st.integers(0, len(group) - 1))] ^= data.draw(st.integers(1, 255))
    elif how == "cut":
        del changed[data.draw(st.integers(0, len(group) - 1)) :]
    elif how == "longer":
        changed += data.draw(st.binary(min_size=1, max_size=9))
    else:
        changed[data.draw(st.integers(0, 60)) :] = data.draw(st.binary(max_size=200))
    path: Path = tmp_path_factory.mktemp("changed") / "x.safetensors"
    with ArrayWriter(path) as writer:
        writer.add(9, bytes(changed))
        writer.finish(header)
    latent = ArrayFile(path)
    try:
        restored = read_group(latent, latent.groups[0])
    except imfn.LatentError:
        # What else it raises fails the test.
        return
    assert (restored.shape, restored.dtype) == (array.shape, array.dtype)


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": [9, 30, 20, 0]},
        {"shape": [9, 1 << 20, 1 << 20]},
        {"dtype": "|O"},
        {"dtype": "<c8"},
        {"axes": "TY"},
        {"frame_axes": 3},
        {"limits": [5, 4]},
        {"limits": [0, 1 << 45]},
        {"error_steps": 1 << 50},
        {"exponent": 5000},
        {"low_bits": 64},
        {"group_frames": 0},
        {"coding": "float"},
        {"max_error": -1.0},
        {"about": {"x": {"y": 1}}},
        {"more": 1},
        {"differences": True},
        {"format": 3},
        {"format": 3, "differences": False, "limits": [0, 1 << 45]},
        {"format": 3, "differences": True, "limits": [-(1 << 40), 1 << 40]},
    ],
    ids=str,
)
def test_headers(written: list[tuple[ArrayHeader, bytes, np.ndarray]], changes: dict[str, object]) -> None:
    values = json.loads(written[0][0].to_json(table=1))
    values.pop("crc32")
    ArrayHeader.from_json(sealed(values))
    with pytest.raises(HeaderError):
        ArrayHeader.from_json(sealed(values | changes))
