import copy
import dataclasses
import json
import pickle
from typing import Any

import pytest

from imfn_cli.errors import ModelError
from imfn_cli.network import IMFNConfig


def test_defaults_are_those_of_video() -> None:
    config = IMFNConfig()
    assert (config.patch_size, config.channels) == (192, 192)
    assert config.ratios == (1, 2, 4, 8, 16, 32, 64)


@pytest.mark.parametrize(
    ("height", "width", "grid"), [(1, 1, (1, 1)), (8, 8, (1, 1)), (9, 8, (2, 1)), (240, 320, (30, 40))]
)
def test_grid_rounds_up(height: int, width: int, grid: tuple[int, int]) -> None:
    assert IMFNConfig().grid(height, width) == grid


LEARNED = IMFNConfig(28, 27, 1, 16, 3, (32, 48, 64), 1, 2, 3, True)


REFINED = dataclasses.replace(LEARNED, leaf_width=24, leaf_blocks=3)


@pytest.mark.parametrize("config", [IMFNConfig(28, 27, 1, 16, 5), LEARNED, REFINED])
def test_json_round_trip(config: IMFNConfig) -> None:
    assert IMFNConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_a_linear_model_says_nothing_of_branches() -> None:
    learned = {"widths", "merge_blocks", "split_blocks", "kernel", "independent"}
    fields = {field.name for field in dataclasses.fields(IMFNConfig)}
    assert set(REFINED.to_dict()) == fields
    assert set(LEARNED.to_dict()) == fields - {"leaf_width", "leaf_blocks"}
    assert set(IMFNConfig().to_dict()) == fields - learned - {"leaf_width", "leaf_blocks"}
    assert IMFNConfig().is_linear
    assert not LEARNED.is_linear


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("widths", [32, 48], "one for each of 3"),
        ("widths", [32, 48, -1], r"widths\.2 is -1: Input should be greater than or equal to 0"),
        ("widths", [0, 0, 0], "leave them out"),
        ("widths", "wide", "widths is 'wide': Input should be a list"),
        ("kernel", 4, "must be odd"),
        ("kernel", 33, "kernel is 33: Input should be less than or equal to 31"),
        ("merge_blocks", 65, "merge_blocks is 65: Input should be less than or equal to 64"),
        ("split_blocks", 0, "split_blocks is 0"),
        ("independent", 1, "independent is 1: Input should be a valid boolean"),
        ("channels", 12, "each of 8 needs"),
        ("leaf_width", -1, "leaf_width is -1"),
        ("leaf_blocks", 65, "leaf_blocks is 65: Input should be less than or equal to 64"),
        ("widths", [], "say widths too"),
    ],
)
def test_wrong_values_of_branches_are_named(field: str, value: Any, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        IMFNConfig.from_dict(REFINED.to_dict() | {field: value})


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("patch_height", 0, "patch_height is 0"),
        ("patch_width", -8, "patch_width is -8"),
        ("patch_width", 1 << 17, "patch_width"),
        ("in_channels", 2, "gray"),
        ("in_channels", True, "in_channels is True"),
        ("channels", 193, "192 values of a patch"),
        ("channels", 16.0, "channels is 16.0"),
        ("levels", 0, "levels is 0"),
        ("levels", 21, "levels is 21: Input should be less than or equal to 20"),
        ("levels", "6", "levels is '6'"),
        ("levels", None, "levels is None"),
    ],
)
def test_wrong_values_are_named(field: str, value: Any, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        IMFNConfig.from_dict(IMFNConfig().to_dict() | {field: value})


def test_unknown_and_missing_fields_are_named() -> None:
    values = IMFNConfig().to_dict()
    with pytest.raises(ModelError, match="'depth'"):
        IMFNConfig.from_dict(values | {"depth": 3})
    del values["levels"]
    with pytest.raises(ModelError, match="'levels'"):
        IMFNConfig.from_dict(values)


@pytest.mark.parametrize(
    ("field", "value"),
    [("levels", 10**80), ("channels", "x" * 9000), ("widths", (1, True)), ("levels", None)],
)
def test_every_problem_is_one_line_that_names_the_field(field: str, value: Any) -> None:
    with pytest.raises(ModelError, match=f"^config: {field}") as caught:
        IMFNConfig(**{field: value})
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert len(message) < 150


def test_it_is_a_plain_frozen_dataclass() -> None:
    assert IMFNConfig(28, 27, 1, 16, 3, (32, 48, 64), 1, 2, 3, True) == LEARNED
    assert pickle.loads(pickle.dumps(REFINED)) == copy.deepcopy(REFINED) == REFINED
    assert hash(dataclasses.replace(LEARNED, leaf_width=24, leaf_blocks=3)) == hash(REFINED)
    with pytest.raises(dataclasses.FrozenInstanceError):
        LEARNED.levels = 2  # type: ignore[misc]
