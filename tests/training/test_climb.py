import itertools

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imfn_cli.training.climb import Climb
from imfn_cli.zoo import Model


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 30), cuts=st.lists(st.integers(1, 29), max_size=8), level=st.integers(0, 3))
def test_climbing_in_any_steps_is_compressing(
    tiny_model: Model, clip_frames: np.ndarray, count: int, cuts: list[int], level: int
) -> None:
    network = tiny_model.network
    frames = torch.from_numpy(clip_frames[:count, :8, :8]).permute(0, 3, 1, 2) / 255
    climb = Climb(network, level)
    edges = [0, *sorted(cut for cut in set(cuts) if cut < count), count]
    made = [climb(frames[low:high]) for low, high in itertools.pairwise(edges)]
    for one in range(level + 1):
        found = torch.cat([memories[one] for memories in made])
        wanted = network.compress(frames[: count >> one << one], 1 << one)
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
