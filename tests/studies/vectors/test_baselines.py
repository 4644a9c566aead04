"""The Transformer and the Mamba: what goes in and out, their start, and their training."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imfn_cli.errors import ImfnError
from imfn_cli.studies.mnist.sequences import Digits
from imfn_cli.studies.vectors import baselines
from imfn_cli.studies.vectors import train_baseline as training
from imfn_cli.studies.vectors.baselines import KINDS, Kind, SequenceAutoencoder, Shape
from imfn_cli.studies.vectors.compressors import PCACompressor
from imfn_cli.studies.vectors.train_baseline import (
    BaselinePlan,
    DivergedError,
    TrainedBaseline,
    shape_for,
    train_baseline,
)

from ..conftest import in_steps

needs_mamba = pytest.mark.skipif(
    find_spec("transformers") is None, reason="no package transformers (extra 'baselines')"
)
each_kind = pytest.mark.parametrize("kind", ["transformer", "mlp", pytest.param("mamba", marks=needs_mamba)])


def small(kind: Kind) -> Shape:
    return Shape(kind, memory=16, positions=8, width=32, layers=1)


@each_kind
def test_one_memory_whatever_the_length(kind: Kind) -> None:
    torch.manual_seed(0)
    network = SequenceAutoencoder(small(kind), 784)
    for length in (1, 2, 8):
        memories = network.compress(torch.rand(3, length, 784))
        assert memories.shape == (3, 16)
        assert network.restore(memories, length).shape == (3, length, 784)


@each_kind
def test_only_the_memory_goes_through(kind: Kind) -> None:
    """Every image's gradient reaches the memory, and the restored images depend on nothing but the memory."""
    torch.manual_seed(0)
    network = SequenceAutoencoder(small(kind), 784)
    images = torch.rand(2, 8, 784, requires_grad=True)
    memories = network.compress(images)
    memories.square().sum().backward()
    assert images.grad is not None
    assert bool((images.grad.abs().sum(-1) > 0).all())
    assert network.restore(memories, 8).equal(network.restore(memories.detach().clone(), 8))


@each_kind
def test_starts_at_the_principal_components(kind: Kind, train: Digits) -> None:
    torch.manual_seed(0)
    network = SequenceAutoencoder(small(kind), 784)
    network.start_from(train.components())
    pca = PCACompressor(train.components(), 16)
    for length in (2, 4, 8):
        images, _ = train.draw(20, length, np.random.default_rng(0))
        closed = (pca.restore(pca.compress(images), length) - images).square().mean()
        start = (network(images) - images).square().mean().detach()
        assert float(start) == pytest.approx(float(closed), rel=0.1)
    with pytest.raises(ValueError, match="do not divide"):
        network.compress(torch.rand(1, 3, 784))


@needs_mamba
def test_scan_is_that_of_the_package() -> None:
    from transformers.models.mamba.modeling_mamba import mamba_selective_scan

    torch.manual_seed(0)
    values, step, z = (torch.randn(2, 6, 9) for _ in range(3))
    decay, enter, leave = -torch.rand(6, 4), torch.randn(2, 4, 9), torch.randn(2, 4, 9)
    rest: dict[str, Any] = {"D": torch.randn(6), "z": z, "delta_bias": torch.randn(6), "delta_softplus": True}
    theirs = mamba_selective_scan(values, step, decay, enter, leave, **rest)
    assert torch.allclose(
        baselines.selective_scan(values, step, decay, enter, leave, **rest), theirs, atol=1e-6
    )


def test_the_mlp_never_looks_at_another_image() -> None:
    torch.manual_seed(0)
    network = SequenceAutoencoder(small("mlp"), 784)
    tokens = torch.randn(1, 8, 32)
    other = tokens.clone()
    other[0, 3] += 1
    changed = (network.encoder(tokens) != network.encoder(other)).any(dim=-1)[0]
    assert changed.tolist() == [index == 3 for index in range(8)]


@needs_mamba
def test_mamba_uses_the_quick_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    scan = baselines.selective_scan

    def counted(*args: torch.Tensor, **named: torch.Tensor) -> torch.Tensor:
        calls.append(args[0].shape)
        return scan(*args, **named)

    monkeypatch.setattr(baselines, "selective_scan", counted)
    SequenceAutoencoder(small("mamba"), 784)(torch.rand(1, 4, 784))
    assert calls == [(1, 64, 4)] * 2


def test_mamba_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "find_spec", lambda name: None)
    with pytest.raises(ImfnError, match=r"pip install 'imfn\[baselines\]'"):
        SequenceAutoencoder(small("mamba"), 784)


@each_kind
def test_has_as_many_parameters_as_asked_for(kind: Kind) -> None:
    shape = shape_for(small(kind), 200_000, 784)
    assert SequenceAutoencoder(shape, 784).parameters_count >= 200_000
    fewer = replace(shape, layers=shape.layers - 1)
    assert SequenceAutoencoder(fewer, 784).parameters_count < 200_000
    assert shape_for(small(kind), 1, 784) == small(kind)


@each_kind
def test_learns_and_repeats(kind: Kind, train: Digits) -> None:
    plan = BaselinePlan(minutes=0.4, batch=4, learning_rate=3e-3)
    images, _ = train.draw(10, 8, np.random.default_rng(9))
    torch.manual_seed(0)
    start = SequenceAutoencoder(small(kind), 784)
    start.start_from(train.components())
    run = train_baseline(small(kind), plan, train, clock=in_steps())
    assert run.steps == 192
    assert not run.network.training
    before, after = ((n(images) - images).square().mean() for n in (start, run.network))
    assert after < 0.9 * before
    assert [step for step, _, _ in run.curve] == sorted({step for step, _, _ in run.curve})
    assert 0.9 * run.steps < run.curve[-1][0] <= run.steps
    # Points are means of the longest sequences only, which get better.
    assert run.curve[-1][2] < 0.9 * run.curve[0][2]
    short = replace(plan, minutes=0.1)
    once, again = (train_baseline(small(kind), short, train, clock=in_steps()) for _ in range(2))
    assert once.curve == again.curve


def test_goes_on_where_it_was_stopped(train: Digits, tmp_path: Path) -> None:
    plan, shape = BaselinePlan(minutes=0.05, batch=2), small("transformer")

    def trained(**options: Any) -> TrainedBaseline:
        return train_baseline(shape, plan, train, clock=in_steps(), checkpoint_seconds=0.0, **options)

    whole = trained()

    def stop(what: str, done: int, total: int) -> None:
        if done >= 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(cache=tmp_path, progress=stop)
    resumed = trained(cache=tmp_path)
    assert (resumed.steps, resumed.vectors, resumed.curve) == (whole.steps, whole.vectors, whole.curve)
    for mine, theirs in zip(resumed.network.parameters(), whole.network.parameters(), strict=True):
        assert mine.equal(theirs)
    # A finished one is taken as it is.
    calls: list[tuple[Any, ...]] = []
    found = trained(cache=tmp_path, progress=lambda *done: calls.append(done))
    assert not calls
    assert found.curve == whole.curve
    (file,) = tmp_path.glob("*.pt")
    file.write_bytes(b"damaged")
    with pytest.raises(ImfnError, match="delete it to train again"):
        trained(cache=tmp_path)


def test_the_name_of_a_checkpoint_stays() -> None:
    """Runs of earlier versions are found again; the names are theirs."""
    shape = Shape("transformer", 512, 64, 256, 2)
    names = [
        training._path(Path("cache"), shape, BaselinePlan(35.0, 0, learning_rate=rate), 60_000)
        for rate in (1e-3, 3e-4)
    ]
    assert names == [Path(f"cache/transformer-0-{key}.pt") for key in ("e31ac8f9d92a", "03dd9e4f0775")]


def test_a_run_that_diverges_says_how_far_it_came(train: Digits) -> None:
    plan = BaselinePlan(minutes=0.4, learning_rate=1e30)
    with pytest.raises(DivergedError, match=r"learning rate 1e\+30: the loss is no number") as caught:
        train_baseline(small("mlp"), plan, train, clock=in_steps())
    assert 1 <= caught.value.run.steps < 192
    assert "\n" not in str(caught.value)


def test_every_length_is_seen() -> None:
    random = np.random.default_rng(0)
    lengths = [training._length(64, 0.5, random) for _ in range(2000)]
    assert set(lengths) == {2, 4, 8, 16, 32, 64}
    assert 0.45 < lengths.count(64) / 2000 < 0.55
    assert training._length(2, 0.5, random) == 2


def test_both_kinds_have_a_name() -> None:
    assert set(baselines.NAMES) == set(KINDS)
