"""The classifier, and errors of restored images."""

from pathlib import Path

import pytest
import torch

from imfn_cli.errors import ImfnError
from imfn_cli.studies.mnist.classifier import Classifier, train_classifier
from imfn_cli.studies.mnist.compressors import digit_pca, digit_tree
from imfn_cli.studies.mnist.restoration import errors, file_rows, restorations
from imfn_cli.studies.mnist.sequences import Digits, unit
from imfn_cli.studies.vectors.compressors import Compressor
from imfn_cli.zoo import Model


@pytest.fixture(scope="module")
def judge(train: Digits) -> Classifier:
    return train_classifier(train, epochs=12)


def test_classifier_knows_the_originals_only(judge: Classifier, held_out: Digits) -> None:
    images = unit(held_out.images)
    assert judge.accuracy(images, held_out.labels) > 0.97
    assert judge.accuracy(torch.rand_like(images), held_out.labels) < 0.4
    assert judge.accuracy(images, (held_out.labels + 1) % 10) < 0.05
    assert judge.recognise(images.unflatten(0, (8, 10))).shape == (8, 10)


def test_classifier_is_the_same_every_time(train: Digits, tmp_path: Path) -> None:
    torch.manual_seed(1)
    first = train_classifier(train, epochs=1, cache=tmp_path)
    torch.manual_seed(2)
    second = train_classifier(train, epochs=1)
    (file,) = tmp_path.glob("classifier-*.pt")
    kept = train_classifier(train, epochs=1, cache=tmp_path)
    images = unit(train.images)
    for other in (second, kept):
        assert first.recognise(images).equal(other.recognise(images))
    file.write_bytes(b"")
    with pytest.raises(ImfnError, match="delete it to train again"):
        train_classifier(train, epochs=1, cache=tmp_path)


def test_errors_are_those_of_their_definition() -> None:
    images = torch.zeros(2, 3, 784)
    restored = torch.zeros(2, 3, 784)
    restored[0] = 0.1
    restored[1] = 0.01
    mse, psnr = errors(restored, images)
    assert mse == pytest.approx((0.01 + 0.0001) / 2)
    assert psnr == pytest.approx((20 + 40) / 2, abs=1e-4)
    assert errors(images, images) == (0, 100)


def test_longer_sequences_lose_more(
    judge: Classifier, strokes_model: Model, train: Digits, held_out: Digits
) -> None:
    compressors: list[Compressor] = [digit_tree(strokes_model.network, "IMFN"), digit_pca(train, 16)]
    rows = restorations(compressors, held_out, judge, [2, 4, 8])
    assert [(row.model, row.length, row.numbers) for row in rows] == [
        (name, length, 16 / length) for name in ("IMFN", "PCA") for length in (2, 4, 8)
    ]
    for name in ("IMFN", "PCA"):
        found = [row for row in rows if row.model == name]
        assert [row.mse for row in found] == sorted(row.mse for row in found)
        assert [row.psnr for row in found] == sorted((row.psnr for row in found), reverse=True)
        assert found[0].accuracy > found[-1].accuracy
    assert len({row.on_originals for row in rows}) == 1
    assert rows[0].on_originals > 0.97


def test_files_cost_more_and_lose_less_at_higher_quality(
    judge: Classifier, strokes_model: Model, held_out: Digits
) -> None:
    low, high = file_rows(strokes_model, held_out, judge, 8, (0, 90))
    floats = restorations([digit_tree(strokes_model.network, "IMFN")], held_out, judge, [8])[0]
    assert low.bytes_per_image < high.bytes_per_image
    assert low.mse > high.mse
    assert high.mse == pytest.approx(floats.mse, rel=0.05)
    assert (high.images, high.ratio, high.model) == (80, 8, "strokes")
