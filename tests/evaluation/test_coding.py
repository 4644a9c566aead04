"""A clip by way of memories in float."""

import numpy as np
import torch

import imfn_cli as imfn
from imfn_cli.evaluation.coding import float_frames
from imfn_cli.media import LoadedArray


def test_float_frames_take_the_same_trees_as_a_file(clip_frames: np.ndarray, tiny_model: imfn.Model) -> None:
    restored = np.stack(list(float_frames(LoadedArray(clip_frames[:13]), tiny_model, 8)))
    parts = [clip_frames[:8], clip_frames[8:12], clip_frames[12:13]]
    for part, found in zip(parts, np.split(restored, [8, 12]), strict=True):
        memory = tiny_model.compress_pixels(torch.from_numpy(part), len(part))
        assert np.array_equal(
            found, tiny_model.restore_pixels(memory, len(part), part.shape[1:], 0, len(part)).numpy()
        )
