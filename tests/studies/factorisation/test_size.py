import pytest

from imfn_cli.network import IMFN, IMFNConfig
from imfn_cli.studies.factorisation.one_step import OneStepNetwork
from imfn_cli.studies.factorisation.size import equal_widths, trained_numbers


def numbers(config: IMFNConfig, level: int, width: int) -> int:
    widths = [0] * config.levels
    widths[level - 1] = width
    return trained_numbers(OneStepNetwork(config, widths), level)


@pytest.mark.parametrize("widths", [(24, 32, 40), (0, 24, 32), (64, 0, 16)])
def test_no_smaller_than_the_tree_and_no_wider_than_needed(widths: tuple[int, ...]) -> None:
    tree = IMFN(IMFNConfig(4, 4, 1, 8, 3, widths, 1, 2, 3))
    found = equal_widths(tree)
    for level, width in enumerate(found, start=1):
        wanted = trained_numbers(tree, level)
        if not wanted:
            assert width == 0
            continue
        assert numbers(tree.config, level, width) >= wanted
        assert numbers(tree.config, level, width - 1) < wanted


def test_a_pair_is_as_wide_as_the_trees() -> None:
    tree = IMFN(IMFNConfig(4, 4, 1, 8, 3, (24, 32, 40), 2, 4, 5))
    assert equal_widths(tree)[0] == 24


def test_a_trees_ratio_uses_all_levels_below() -> None:
    tree = IMFN(IMFNConfig(4, 4, 1, 8, 3, (0, 24, 32), 1, 2, 3))
    branches = [p.numel() for name, p in tree.named_parameters() if "_branch." in name]
    assert trained_numbers(tree, 0) == trained_numbers(tree, 1) == 0
    assert trained_numbers(tree, 3) == sum(branches)
    assert trained_numbers(tree.linear_part(), 3) == 0
