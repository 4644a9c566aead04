import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from imfn_cli.errors import InputError
from imfn_cli.media import Source, expand_inputs
from imfn_cli.network import IMFN
from imfn_cli.studies.factorisation.comparison import (
    LINEAR,
    TRAINED,
    UNFACTORISED,
    FactorisationResults,
    compare_networks,
    contenders_of,
    write_factorisation,
)
from imfn_cli.studies.factorisation.one_step import start_at_linear
from imfn_cli.studies.factorisation.size import equal_widths
from imfn_cli.studies.factorisation.train_one_step import TrainedOneStep
from tests.conftest import read_csv


@pytest.fixture(scope="module")
def results(tree: IMFN, frames: torch.Tensor, held_out: list[Source]) -> FactorisationResults:
    network = start_at_linear(tree, equal_widths(tree), frames, seed=0).requires_grad_(False).eval()
    return compare_networks(
        contenders_of(tree, TrainedOneStep(network, 7, 60.0), steps=9, seconds=61.0), held_out
    )


def test_every_network_is_measured_at_every_ratio(results: FactorisationResults) -> None:
    names = [LINEAR, TRAINED, UNFACTORISED]
    assert [(row.network, row.ratio) for row in results.ratios] == [
        (name, ratio) for name in names for ratio in (2, 4, 8)
    ]
    assert [(row.network, row.steps, row.seconds) for row in results.growth] == [
        (LINEAR, 0, 0.0),
        (TRAINED, 9, 61.0),
        (UNFACTORISED, 7, 60.0),
    ]
    numbers = {(row.network, row.ratio): row.parameters for row in results.ratios}
    assert all(numbers[LINEAR, ratio] == 0 for ratio in (2, 4, 8))
    assert all(numbers[UNFACTORISED, ratio] >= numbers[TRAINED, ratio] for ratio in (2, 4, 8))
    # Untrained, the one-step network is the linear tree.
    psnr = {(row.network, row.ratio): row.psnr for row in results.ratios}
    assert [psnr[UNFACTORISED, r] for r in (2, 4, 8)] == pytest.approx([psnr[LINEAR, r] for r in (2, 4, 8)])
    assert psnr[TRAINED, 8] != pytest.approx(psnr[LINEAR, 8], abs=0.01)


def test_errors_are_those_of_the_frames_restored(
    results: FactorisationResults, tree: IMFN, held_out: list[Source]
) -> None:
    errors, psnrs = [], []
    for source in held_out:
        frames = torch.from_numpy(np.load(source.paths[0])[:20])[:, None] / 255
        restored = tree.restore(tree.compress(frames, 4), 4, 16, 24).clamp(0, 1)
        error = (restored - frames).square().mean(dim=(1, 2, 3))
        errors.append(255**2 * float(error.mean()))
        psnrs.append(float((-10 * error.log10()).mean()))
    row = next(row for row in results.ratios if (row.network, row.ratio) == (TRAINED, 4))
    assert row.mse == pytest.approx(np.mean(errors), rel=1e-4)
    assert row.psnr == pytest.approx(np.mean(psnrs), rel=1e-4)


def test_exponents_say_how_the_error_grows(results: FactorisationResults) -> None:
    for growth in results.growth:
        rows = [row for row in results.ratios if row.network == growth.network]
        assert rows[0].exponent is None
        for below, row in itertools.pairwise(rows):
            assert row.exponent is not None
            assert 2**row.exponent == pytest.approx(row.mse / below.mse)
        assert growth.last == rows[-1].exponent
        # A line through three points at equal distances rises as its ends do.
        assert growth.exponent == pytest.approx(np.log2(rows[2].mse / rows[0].mse) / 2)


def test_tables_and_picture_are_written(results: FactorisationResults, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write_factorisation(tmp_path, "small", results)
    stems = ("factorisation-small", "factorisation-growth-small", "factorisation-clips-small")
    assert {path.name for path in tmp_path.iterdir()} == {
        *(f"{stem}.csv" for stem in stems),
        "factorisation-growth-small.png",
    }
    assert [len(read_csv(tmp_path / f"{stem}.csv")) for stem in stems] == [9, 3, 3 * 2 * 4]
    with Image.open(tmp_path / "factorisation-growth-small.png") as picture:
        assert min(picture.size) > 500


def test_a_clip_of_one_frame_compares_nothing(tree: IMFN, frames: torch.Tensor, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros((1, 16, 24), np.uint8))
    network = start_at_linear(tree, equal_widths(tree), frames, seed=0).eval()
    contenders = contenders_of(tree, TrainedOneStep(network, 0, 0.0), steps=0, seconds=0)
    with pytest.raises(InputError, match="two frames"):
        compare_networks(contenders, expand_inputs([str(tmp_path / "one.npy")]))
