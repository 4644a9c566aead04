import torch

from imfn_cli.network.linear import OrthonormalMap


def test_starts_as_the_first_numbers() -> None:
    module = OrthonormalMap(5, 3)
    values = torch.arange(10.0).reshape(2, 5)
    assert torch.equal(module(values), values[:, :3])
    assert module.inverse(values[:, :3]).tolist() == [[0, 1, 2, 0, 0], [5, 6, 7, 0, 0]]


def test_the_mean_maps_to_zero_and_back() -> None:
    module = OrthonormalMap(4, 2)
    basis = torch.linalg.qr(torch.randn(4, 2, generator=torch.Generator().manual_seed(0))).Q.T
    module.fit(basis, torch.tensor([3.0, -1, 2, 5]))
    torch.testing.assert_close(module(module.mean), torch.zeros(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(module.inverse(torch.zeros(2)), module.mean)


def test_works_on_the_last_axis_of_any_shape() -> None:
    module = OrthonormalMap(4, 2)
    assert module(torch.zeros(2, 3, 5, 4)).shape == (2, 3, 5, 2)
    assert module.inverse(torch.zeros(7, 2)).shape == (7, 4)
