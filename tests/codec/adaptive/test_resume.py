"""An adaptive forest is gone on with by whole GOPs, on both sides."""

from pathlib import Path

import numpy as np
import pytest

import imfn_cli as imfn
from tests.codec.test_resume import hidden, interrupt
from tests.conftest import make_clip

pytestmark = pytest.mark.xdist_group("adaptive")


def test_the_same_wherever_it_was_killed(tiny_model: imfn.Model, tmp_path: Path) -> None:
    source, whole, path = tmp_path / "clip.npy", tmp_path / "whole.safetensors", tmp_path / "clip.safetensors"
    np.save(source, make_clip(61))
    # The first frame and two trees of eight in each.
    imfn.compress(source, whole, model=tiny_model, ratio="auto", gop=17)
    interrupt(imfn.compress, source, path, after=60, model=tiny_model, ratio="auto", gop=17)
    work = tmp_path / ".clip.safetensors.imfn-work"
    left = work.read_bytes()
    resumed = []
    for size in (len(left), len(left) * 2 // 3, 50):
        work.write_bytes(left[:size])
        report = imfn.compress(source, path, model=tiny_model, ratio="auto", gop=17, resume=True)
        resumed.append(report.resumed)
        assert path.read_bytes() == whole.read_bytes()
        assert hidden(tmp_path) == []
        path.unlink()
    assert resumed[0] > resumed[2] == 0
    assert all(frames % 17 == 0 for frames in resumed)
    imfn.decompress(whole, tmp_path / "whole.npy", model=tiny_model)
    interrupt(imfn.decompress, whole, tmp_path / "out.npy", after=40, model=tiny_model)
    restored = imfn.decompress(whole, tmp_path / "out.npy", model=tiny_model, resume=True)
    assert restored.resumed > 30
    assert (tmp_path / "out.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()
