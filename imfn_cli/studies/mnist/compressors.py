"""Models and PCA of digits: `TreeCompressor` and `PCACompressor` for images of 28×28."""

from ...errors import ModelError
from ...network import IMFN
from ...zoo import Model
from ..vectors.compressors import PCACompressor, TreeCompressor
from .sequences import SIDE, Digits


def digit_tree(network: IMFN, name: str) -> TreeCompressor:
    """A model whose leaf is one 28×28 gray image. Raises `ModelError` where the leaf is another."""
    config = network.config
    if (config.patch_height, config.patch_width, config.in_channels) != (SIDE, SIDE, 1):
        raise ModelError(
            f"model {name}: its leaf is {config.patch_width}x{config.patch_height}, {config.in_channels} "
            f"channels; MNIST needs one of {SIDE}x{SIDE}, gray ('imfn train --gray --patch {SIDE}')"
        )
    return TreeCompressor(network, name)


def linear_part(model: Model) -> TreeCompressor:
    """The closed-form tree (Karhunen–Loève) that `model` was trained from: its maps without its branches."""
    return digit_tree(model.network.linear_part(), "KLT tree")


def digit_pca(train: Digits, memory_size: int) -> PCACompressor:
    """Principal components of all training images."""
    return PCACompressor(train.components(), memory_size)
