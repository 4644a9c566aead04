"""Latents of tests: two clips, by memories of four frames, each alone."""

from pathlib import Path

import numpy as np
import pytest

import imfn


@pytest.fixture(scope="session")
def latents(
    clip_frames: np.ndarray, tiny_model: imfn.Model, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """Of 39 and 22 frames, 4:1, intra nodes only."""
    folder = tmp_path_factory.mktemp("latents")
    paths = [folder / "long.safetensors", folder / "short.safetensors"]
    for path, count in zip(paths, (39, 22), strict=True):
        imfn.compress(clip_frames[:count], path, model=tiny_model, ratio=4, gop=0)
    return paths


@pytest.fixture(scope="session")
def in_gops(
    clip_frames: np.ndarray, tiny_model: imfn.Model, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Of 39 frames, 4:1, in groups of 16."""
    path = tmp_path_factory.mktemp("gops") / "clip.safetensors"
    imfn.compress(clip_frames[:39], path, model=tiny_model, ratio=4, gop=16)
    return path
