"""Networks that are fitted to noise: cheap, and as orthonormal as any."""

import pytest
import torch

from imfn_cli.network import IMFN, IMFNConfig, SecondMoments, Sweeper


def fitted(config: IMFNConfig, *, seed: int = 0) -> IMFN:
    """A network whose maps are Karhunen–Loève transforms of correlated noise."""
    random = torch.Generator().manual_seed(seed)
    network = IMFN(config).requires_grad_(False).eval()
    maps = [network.leaf.map, *(network.sweeper(level).map for level in range(1, config.levels + 1))]
    for module in maps:
        size = module.weight.shape[1]
        moments = SecondMoments(size)
        mixing = torch.randn(size, size, generator=random)
        moments.update(torch.randn(4 * size, size, generator=random) @ mixing / size + 0.3)
        module.fit(*moments.klt(config.channels)[:2])
    return network


@pytest.fixture(scope="session")
def network() -> IMFN:
    """4×4 gray patches, all 16 numbers kept, ratios 1 to 16."""
    return fitted(IMFNConfig(4, 4, 1, 16, 4))


@pytest.fixture(scope="session")
def narrow() -> IMFN:
    """5×3 RGB patches, 20 of 45 numbers kept, ratios 1 to 8."""
    return fitted(IMFNConfig(5, 3, 3, 20, 3), seed=1)


@pytest.fixture
def splits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Number of memories in each call of `Sweeper.split`, as the test goes on."""
    calls: list[int] = []
    original = Sweeper.split

    def counted(
        self: Sweeper, memory: torch.Tensor, condition: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        calls.append(len(memory))
        return original(self, memory, condition)

    monkeypatch.setattr(Sweeper, "split", counted)
    return calls
