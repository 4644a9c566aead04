"""Latents as data for training: `imfn.data.LatentDataset` and `imfn.data.RandomWindows`.

The same as `imfn_cli.data`.
"""

from imfn_cli.data import LatentDataset, RandomWindows

__all__ = ["LatentDataset", "RandomWindows"]
