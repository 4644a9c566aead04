import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imfn_cli.network import SecondMoments


def correlated(count: int, size: int, seed: int, mean: float = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    rows = torch.randn(count, size, generator=random) @ torch.randn(size, size, generator=random)
    return rows + mean


def moments_of(rows: torch.Tensor, *cuts: int) -> SecondMoments:
    moments = SecondMoments(rows.shape[1])
    for part in np.split(rows.numpy(), sorted(cuts)):
        if len(part):
            moments.update(torch.from_numpy(part))
    return moments


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 199), max_size=6),
    mean=st.sampled_from([0.0, 0.5, 1000.0, -30000.0]),
    seed=st.integers(0, 99),
)
def test_moments_are_those_of_numpy_however_batched(cuts: list[int], mean: float, seed: int) -> None:
    rows = correlated(200, 6, seed, mean)
    found_mean, covariance = moments_of(rows, *cuts).mean_and_covariance()
    wanted = np.cov(rows.double().numpy().T, bias=True)
    np.testing.assert_allclose(found_mean, rows.double().mean(dim=0), rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(covariance, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())
    assert torch.equal(covariance, covariance.T)


def test_nothing_seen() -> None:
    with pytest.raises(ValueError, match="no vectors"):
        SecondMoments(3).mean_and_covariance()


def restored(rows: torch.Tensor, basis: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    return (rows - mean) @ basis.T @ basis + mean


@pytest.mark.parametrize("channels", [1, 5, 12])
def test_error_is_that_of_the_truncated_svd(channels: int) -> None:
    rows = correlated(300, 12, 3, 2.0).double()
    basis, mean, variances = moments_of(rows.float()).klt(channels)
    torch.testing.assert_close(basis @ basis.T, torch.eye(channels, dtype=torch.float64))
    error = (restored(rows, basis, mean) - rows).square().sum(dim=1).mean()
    singular = torch.linalg.svdvals(rows - rows.mean(dim=0))
    wanted = singular[channels:].square().sum() / len(rows)
    torch.testing.assert_close(error, wanted, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(variances[channels:].sum(), wanted, rtol=1e-4, atol=1e-4)
    assert (variances[:-1] >= variances[1:]).all()


def test_no_other_projection_is_better() -> None:
    rows = correlated(300, 10, 4, -1.0).double()
    basis, mean, _ = moments_of(rows.float()).klt(4)
    best = (restored(rows, basis, mean) - rows).square().mean()
    random = torch.Generator().manual_seed(0)
    for nearness in [0.01] * 10 + [1.0] * 10:
        noise = torch.randn(4, 10, generator=random, dtype=torch.float64)
        other = torch.linalg.qr((basis + nearness * noise).T).Q.T
        assert (restored(rows, other, mean) - rows).square().mean() > best


def test_signs_are_fixed() -> None:
    basis, _, _ = moments_of(correlated(100, 8, 5)).klt(8)
    flipped, _, _ = moments_of(-correlated(100, 8, 5)).klt(8)
    torch.testing.assert_close(basis, flipped)
    largest = basis.gather(1, basis.abs().argmax(dim=1, keepdim=True))
    assert (largest > 0).all()


def test_constant_data_gives_finite_numbers() -> None:
    basis, mean, variances = moments_of(torch.full((9, 4), 0.25)).klt(2)
    assert torch.isfinite(basis).all()
    assert mean.tolist() == [0.25] * 4
    assert variances.tolist() == [0] * 4
