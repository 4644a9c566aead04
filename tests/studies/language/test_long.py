"""One memory over more states than the tree was made for."""

import pytest
import torch

from imfn_cli.network import IMFN
from imfn_cli.studies.language.language_model import LanguageModel
from imfn_cli.studies.language.long import TallTree, long_rows
from imfn_cli.studies.language.states import States
from imfn_cli.studies.vectors.compressors import TreeCompressor


def test_a_tree_of_memories(linear: IMFN, train_states: States) -> None:
    below = TreeCompressor(linear, "tree")
    tall = TallTree(below, 8, train_states, 20)
    # 2048 training states are 256 memories of 8.
    assert tall.longest == 2048
    assert tall.parameters_count > below.parameters_count
    vectors = train_states.flat.reshape(2, 1024, 16)
    memories = tall.compress(vectors)
    assert memories.shape == (2, 16)
    assert tall.restore(memories, 1024).shape == vectors.shape
    # Of its window alone it is the tree below, in another basis.
    windows = train_states.flat.reshape(-1, 8, 16)
    wanted = below.restore(below.compress(windows), 8)
    assert torch.allclose(tall.restore(tall.compress(windows), 8), wanted, atol=1e-4)


def test_longer_memories_hold_less_but_more_than_none(
    language_model: LanguageModel, linear: IMFN, train_states: States, held_states: States
) -> None:
    tree = TreeCompressor(linear, "tree")
    rows = long_rows(language_model, [tree], 8, train_states, held_states, skip=8)
    assert [(row.model, row.states_per_memory, row.memories) for row in rows] == [
        ("mean state", 256, 0),
        ("tree", 8, 32),
        ("tree", 32, 8),
        ("tree", 128, 2),
        ("tree", 256, 1),
    ]
    errors = [row.mse for row in rows[1:]]
    assert errors == sorted(errors)
    assert errors[0] < rows[0].mse
    assert errors[-1] == pytest.approx(rows[0].mse, rel=0.1)
