"""The closed-form tree of vectors."""

import pytest
import torch

from imfn_cli.studies.vectors.compressors import PCACompressor, TreeCompressor, principal_components
from imfn_cli.studies.vectors.fit import fit_vectors


def smooth(count: int) -> torch.Tensor:
    """A walk in six dimensions: neighbours are alike."""
    torch.manual_seed(0)
    return torch.randn(count, 6).cumsum(0) * torch.tensor([1, 0.5, 0.3, 0.2, 0.1, 0.1]) * 0.1


def test_one_vector_is_restored_exactly_and_pairs_as_well_as_any_linear_map() -> None:
    vectors = smooth(4096)
    tree = TreeCompressor(fit_vectors(vectors, 4), "tree")
    assert (tree.memory_size, tree.longest) == (6, 16)
    singles = vectors[:, None]
    assert torch.allclose(tree.restore(tree.compress(singles), 1), singles, atol=1e-4)
    pairs = torch.cat((vectors[:-1], vectors[1:]), dim=1)
    found = tree.restore(tree.compress(pairs.unflatten(1, (2, 6))), 2).flatten(1)
    # Eckart and Young: what the components beyond the memory hold is lost, and no more.
    lost = principal_components(pairs).deviation[6:].square().sum()
    assert float((found - pairs).square().sum(1).mean()) == pytest.approx(float(lost), rel=1e-3)


def test_neighbours_that_are_alike_need_less_than_one_by_one() -> None:
    vectors = smooth(4096)
    tree, pca = TreeCompressor(fit_vectors(vectors, 3), ""), PCACompressor(principal_components(vectors), 6)
    windows = vectors[:4088].unflatten(0, (-1, 2))
    errors = [(each.restore(each.compress(windows), 2) - windows).square().mean() for each in (tree, pca)]
    assert errors[0] < 0.5 * errors[1]


def test_too_few_vectors() -> None:
    with pytest.raises(ValueError, match="7 vectors; a tree of 3 levels needs 8"):
        fit_vectors(torch.zeros(7, 2), 3)
