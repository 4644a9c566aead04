import numpy as np
import pytest

from imfn_cli.bitstream.entropy.entropy_model import EntropyModel
from imfn_cli.bitstream.entropy.rans import PRECISION
from imfn_cli.bitstream.entropy.tokens import TOKENS
from imfn_cli.bitstream.quantiser import step_of_quality
from imfn_cli.training import entropy_fit as entropy
from imfn_cli.training.entropy_fit import fit_entropy

CHANNELS = 12


def smooth(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    field = random.normal(0, 1, shape)
    for _ in range(3):
        for axis in (-1, -2):
            field = (np.roll(field, 1, axis) + field + np.roll(field, -1, axis)) / 3**0.5
    return field / (field.std() + 0.1)


def memories(seed: int, count: int, h: int = 16, w: int = 16) -> list[np.ndarray]:
    """Like those of pictures: smooth first channels, busy and quiet places, energy falling by channel."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        busy = np.exp(1.2 * smooth(random, (h, w)))
        memory = random.normal(0, 1, (CHANNELS, h, w)) * busy
        memory[:3] = 4 * smooth(random, (3, h, w)) + 0.3 * memory[:3]
        made.append((0.06 * 0.75 ** np.arange(CHANNELS)[:, None, None] * memory).astype(np.float32))
    return made


@pytest.fixture(scope="module")
def model() -> EntropyModel:
    return fit_entropy({0: memories(1, 8), 1: memories(2, 6)}, CHANNELS)


def test_tables_are_valid(model: EntropyModel) -> None:
    counts = model.tensors["counts"]
    assert counts.dtype == np.int32
    assert counts.shape[1] == TOKENS
    assert counts.min() >= 1
    assert (counts.sum(axis=1) == 1 << PRECISION).all()
    # Signs are alike, but for what rounding leaves over.
    assert np.abs(counts[:, 1::2] - counts[:, 2::2]).max() <= 1
    # Later tables expect more.
    magnitude = (counts * ((np.arange(TOKENS) + 1) // 2)).sum(axis=1)
    used = magnitude[8:60:8]
    assert (np.diff(used) > 0).all()


def test_shapes_and_types_are_the_documented_ones(model: EntropyModel) -> None:
    assert (model.channels, model.levels) == (CHANNELS, 1)
    for name, array in model.tensors.items():
        wanted = {"groups": np.int32, "counts": np.int32, "centroids": np.float32}.get(name, np.int16)
        assert array.dtype == wanted, name
    centroids = model.tensors["centroids"]
    assert np.isfinite(centroids).all()
    assert np.abs(centroids).max() <= 1


def order_zero_bits(symbols: list[np.ndarray]) -> float:
    """Bits with the best fixed table for each channel, the tables themselves free of charge."""
    bits = 0.0
    for channel in range(CHANNELS):
        values = np.concatenate([one[channel].ravel() for one in symbols])
        counts = np.unique(values, return_counts=True)[1]
        bits -= (counts * np.log2(counts / counts.sum())).sum()
    return bits


@pytest.mark.parametrize("quality", [45, 60, 80])
def test_codes_unseen_memories_below_their_order_zero_entropy(model: EntropyModel, quality: int) -> None:
    step = np.float32(step_of_quality(quality))
    unseen = [memory / step for memory in memories(99, 4)]
    size = 0
    symbols = []
    for values in unseen:
        data = model.encode(values, 0, quality, lam=0)
        size += 8 * len(data)
        symbols.append(model.decode_symbols(data, 0, quality, 16, 16)[0])
    assert size < 0.93 * order_zero_bits(symbols)


def test_beats_the_model_before_fitting(model: EntropyModel) -> None:
    plain = EntropyModel(entropy._empty(CHANNELS, 2))
    for memory in memories(98, 2):
        values = memory / np.float32(step_of_quality(60))
        assert len(model.encode(values, 1, 60, lam=0)) < 0.7 * len(plain.encode(values, 1, 60, lam=0))


def test_centroids_lower_the_error(model: EntropyModel) -> None:
    plain = EntropyModel(model.tensors | {"centroids": np.zeros_like(model.tensors["centroids"])})
    errors = np.zeros(2)
    for memory in memories(97, 4):
        values = memory / np.float32(step_of_quality(50))
        data = model.encode(values, 0, 50)
        for index, one in enumerate((model, plain)):
            errors[index] += np.square(one.decode_symbols(data, 0, 50, 16, 16)[1] - values).mean()
    assert errors[0] < errors[1]


def test_rate_distortion_choice_is_worth_it(model: EntropyModel) -> None:
    """Rate–distortion choice: less of error + λ · bits than rounding to the nearest."""
    step = np.float32(step_of_quality(50))
    costs = []
    for lam in (0.0, 0.1155):
        cost = 0.0
        for memory in memories(96, 4):
            values = memory / step
            data = model.encode(values, 0, 50, lam=lam)
            cost += np.square(model.decode_symbols(data, 0, 50, 16, 16)[1] - values).sum() + 0.1155 * 8 * len(
                data
            )
        costs.append(cost)
    assert costs[1] < costs[0]


def test_fitting_is_repeatable() -> None:
    first, second = (fit_entropy({0: memories(5, 2, 5, 6)}, CHANNELS) for _ in range(2))
    for name, array in first.tensors.items():
        np.testing.assert_array_equal(array, second.tensors[name])


def test_fits_what_is_all_zero() -> None:
    model = fit_entropy({0: [np.zeros((CHANNELS, 4, 4), np.float32)] * 2}, CHANNELS)
    values = memories(6, 1, 4, 4)[0] * 99
    symbols, _ = model.decode_symbols(model.encode(values, 0, 50, lam=0), 0, 50, 4, 4)
    assert np.abs(symbols - values).max() <= 0.5


@pytest.mark.parametrize("samples", [{}, {0: []}, {0: [np.zeros((CHANNELS, 1, 1), np.float32)], 1: []}])
def test_nothing_to_fit_to(samples: dict[int, list[np.ndarray]]) -> None:
    with pytest.raises(ValueError, match="no memories"):
        fit_entropy(samples, CHANNELS)
