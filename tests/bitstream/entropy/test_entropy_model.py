import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imfn_cli.bitstream.entropy.entropy_model import LAMBDA, EntropyModel, choose
from imfn_cli.bitstream.entropy.tokens import LIMIT
from imfn_cli.zoo import Model

from ..builders import Recorder, integer_memory, integer_model, integer_tensors

SHAPES = [(1, 1), (1, 2), (1, 7), (5, 1), (2, 2), (3, 5), (6, 8), (9, 17)]


@pytest.fixture(scope="module")
def model() -> EntropyModel:
    return integer_model()


def memory_of(seed: int, channels: int, h: int, w: int, scale: float) -> np.ndarray:
    """Noise whose energy falls with the channel, rough or smooth."""
    random = np.random.default_rng(seed)
    falling = scale * 0.7 ** np.arange(channels)[:, None, None]
    memory = random.standard_normal((channels, h, w))
    if seed % 2:
        memory = np.cumsum(np.cumsum(memory, axis=1), axis=2) / 3
    return (falling * memory).astype(np.float32)


# -- there and back --------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1 << 20),
    h=st.integers(1, 12),
    w=st.integers(1, 12),
    level=st.integers(0, 2),
    quality=st.integers(0, 100),
    scale=st.sampled_from([0.0, 0.3, 1.0, 8.0, 300.0, 1e5]),
    lanes_from=st.sampled_from([None, 0]),
)
def test_the_decoder_finds_the_symbols_that_the_encoder_chose(
    seed: int, h: int, w: int, level: int, quality: int, scale: float, lanes_from: int | None
) -> None:
    model = integer_model()
    recorder = Recorder(model)
    values = memory_of(seed, 12, h, w, scale)
    data, wanted = model.encode_and_restore(values, level, quality, lanes_from=lanes_from)
    symbols, restored = model.decode_symbols(data, level, quality, h, w)
    np.testing.assert_array_equal(symbols, recorder.symbols[0])
    np.testing.assert_array_equal(restored, wanted)
    np.testing.assert_array_equal(model.decode(data, level, quality, h, w), wanted)
    assert model.encode(values, level, quality, lanes_from=lanes_from) == data


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1 << 20),
    h=st.integers(1, 9),
    w=st.integers(1, 9),
    quality=st.integers(0, 100),
    scale=st.sampled_from([0.4, 3.0, 100.0, 1e4]),
)
def test_without_trade_symbols_are_the_nearest_integers(
    model: EntropyModel, seed: int, h: int, w: int, quality: int, scale: float
) -> None:
    values = memory_of(seed, 12, h, w, scale)
    symbols, restored = model.decode_symbols(model.encode(values, 1, quality, lam=0), 1, quality, h, w)
    # float32 numbers of 10 000 and more carry a few thousandths.
    assert np.abs(symbols - values).max() <= 0.5 + 1e-6 * scale
    # Centroids of `integer_model` reach up to 7/32 of a step.
    assert np.abs(restored - values).max() <= 0.5 + 7 / 32 + 1e-5 * scale


def test_lanes_are_for_large_nodes(model: EntropyModel) -> None:
    values = memory_of(5, 12, 9, 17, 300)
    one = model.encode(values, 1, 70)
    eight = model.encode(values, 1, 70, lanes_from=0)
    assert (one[0], eight[0]) == (12, 12 + 12 + 1)
    # Eight states of 64 bits each.
    assert 0 <= len(eight) - len(one) <= 64
    # Without the two sizes at its begin.
    size = len(one) - 3
    assert model.encode(values, 1, 70, lanes_from=size) == eight
    assert model.encode(values, 1, 70, lanes_from=size + 1) == one
    with pytest.raises(ValueError, match="malformed node"):
        model.decode(eight, 1, 70, 9, 17, lanes=False)


def test_nothing_stays_of_the_node_before(model: EntropyModel) -> None:
    """Work arrays are a thread's own, for the next grid of as many positions."""
    large, small = memory_of(3, 12, 4, 6, 1000), memory_of(4, 12, 6, 4, 1)
    small[1:] = 0
    data = model.encode(small, 1, 60)
    fresh = integer_model().decode_symbols(data, 1, 60, 6, 4)
    model.decode(model.encode(large, 1, 60), 1, 60, 4, 6)
    for found, wanted in zip(model.decode_symbols(data, 1, 60, 6, 4), fresh, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("quality", range(101))
def test_every_quality(model: EntropyModel, quality: int) -> None:
    values = memory_of(quality, 12, 3, 4, 20)
    symbols, restored = model.decode_symbols(model.encode(values, 2, quality, lam=0), 2, quality, 3, 4)
    assert np.abs(symbols - values).max() <= 0.5
    assert np.abs(restored - values).max() <= 1


@pytest.mark.parametrize(("h", "w"), SHAPES)
def test_fitted_models_code_any_grid(tiny_model: Model, h: int, w: int) -> None:
    for level in range(4):
        values = memory_of(level, 192, h, w, 50) * np.float32(0.5)
        data = tiny_model.entropy.encode(values, level, 55, lam=0)
        symbols, restored = tiny_model.entropy.decode_symbols(data, level, 55, h, w)
        assert np.abs(symbols - values).max() <= 0.5
        assert np.abs(restored - values).max() <= 1


def test_fitted_models_code_vectors(vector_model: Model) -> None:
    for level in range(4):
        values = memory_of(level, 16, 1, 1, 50)
        data = vector_model.entropy.encode(values, level, 80, lam=0)
        symbols, restored = vector_model.entropy.decode_symbols(data, level, 80, 1, 1)
        assert np.abs(symbols - values).max() <= 0.5
        assert np.abs(restored - values).max() <= 1
        assert len(data) < 60


@pytest.mark.parametrize(("h", "w"), SHAPES)
def test_zeros_cost_two_bytes(model: EntropyModel, h: int, w: int) -> None:
    data = model.encode(np.zeros((12, h, w), np.float32), 0, 50)
    assert data == b"\0\0"
    symbols, restored = model.decode_symbols(data, 0, 50, h, w)
    assert symbols.shape == restored.shape == (12, h, w)
    assert not symbols.any()
    assert not restored.any()


@pytest.mark.parametrize("pattern", ["plus", "minus", "stripes", "alone", "last"])
def test_the_largest_numbers(model: EntropyModel, pattern: str) -> None:
    largest = np.float32(LIMIT // 4 - 1)
    values = np.zeros((12, 5, 6), np.float32)
    if pattern == "alone":
        values[0, 2, 3] = -largest
    elif pattern == "last":
        values[11, 4, 5] = largest
    else:
        values[:] = largest
        values *= {"plus": 1, "minus": -1}.get(pattern, 1)
        if pattern == "stripes":
            values[:, :, ::2] *= -1
    symbols, restored = model.decode_symbols(model.encode(values, 0, 0, lam=0), 0, 0, 5, 6)
    np.testing.assert_array_equal(symbols, values)
    assert np.abs(restored - values).max() <= 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, float(LIMIT)])
def test_numbers_out_of_range_are_refused(model: EntropyModel, bad: float) -> None:
    values = np.zeros((12, 2, 2), np.float32)
    values[3, 1, 1] = bad
    with pytest.raises(ValueError, match="out of range"):
        model.encode(values, 0, 50)


def test_trade_saves_bytes(tiny_model: Model) -> None:
    values = memory_of(2, 192, 6, 8, 8)
    sizes = [len(tiny_model.entropy.encode(values, 1, 50, lam=lam)) for lam in (0, LAMBDA, 4 * LAMBDA)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2] < sizes[1] < sizes[0]


def test_choose_weighs_each_table() -> None:
    thresholds = np.array([[0.5] * 16, [0.8] * 16], np.float32)
    wanted = np.array([0.6, 0.9, -0.6, -0.9, 1.7, 40.6, 0.5, 0.0], np.float32)
    first = choose(wanted, np.zeros(8, np.int32), thresholds)
    second = choose(wanted, np.ones(8, np.int32), thresholds)
    assert first.tolist() == [1, 1, -1, -1, 2, 41, 0, 0]
    assert second.tolist() == [0, 1, 0, -1, 1, 40, 0, 0]


# -- the bytes never change ------------------------------------------------------------------------------

#: First 16 hexadecimal digits of SHA-256 of the node's bytes, by channels, grid, level and quality. A change
#: here makes old files unreadable: it needs a new format version that still reads the old one.
GOLDEN = {
    (12, 1, 1, 0, 50): "ee0f8953207817c9",
    (12, 1, 9, 1, 0): "5116181019338f21",
    (12, 6, 8, 2, 73): "a55874a89a4e915c",
    (40, 15, 20, 1, 100): "328da02c3e833875",
    (96, 9, 7, 0, 35): "d6533706e8abebbf",
}


def golden_bytes(channels: int, h: int, w: int, level: int, quality: int) -> bytes:
    values = integer_memory(channels, h, w, seed=quality)
    return integer_model(channels, seed=channels).encode(values, level, quality, lam=0)


@pytest.mark.parametrize("case", GOLDEN)
def test_coded_bytes_are_those_of_every_release(case: tuple[int, int, int, int, int]) -> None:
    assert hashlib.sha256(golden_bytes(*case)).hexdigest()[:16] == GOLDEN[case]


def test_a_whole_node_in_hexadecimal() -> None:
    assert golden_bytes(12, 2, 2, 0, 50).hex() == (
        "0c087dc5f538a076a22a40e31b4379e07664c11ceee1e4fb9683c1cafb78fdb12f3029d9ff835f87fb7ec1d8ff5883db"
        "ff9921de2a14"
    )


# -- damaged bytes ---------------------------------------------------------------------------------------


def decode_or_refuse(model: EntropyModel, data: bytes, h: int, w: int, quality: int = 60) -> None:
    """Whatever the bytes: symbols in range, or a `ValueError`."""
    try:
        symbols, restored = model.decode_symbols(data, 1, quality, h, w)
    except ValueError:
        return
    assert symbols.shape == restored.shape == (model.channels, h, w)
    assert np.isfinite(restored).all()
    assert np.abs(symbols).max() <= 2 * LIMIT


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=120), h=st.integers(1, 6), w=st.integers(1, 6))
def test_random_bytes(model: EntropyModel, data: bytes, h: int, w: int) -> None:
    decode_or_refuse(model, data, h, w)


@settings(max_examples=200, deadline=None)
@given(
    active=st.integers(0, 25),
    raw=st.binary(max_size=200),
    words=st.lists(st.integers(0, 2**32 - 1), max_size=40),
)
def test_random_nodes(model: EntropyModel, active: int, raw: bytes, words: list[int]) -> None:
    size = len(raw)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    data = bytes([active]) + length + raw + np.array(words, "<u4").tobytes()
    decode_or_refuse(model, data, 5, 6)


@pytest.fixture(scope="module", params=[None, 0], ids=["one state", "lanes"])
def node(model: EntropyModel, request: pytest.FixtureRequest) -> bytes:
    return model.encode(memory_of(1, 12, 5, 6, 80), 1, 60, lanes_from=request.param)


@settings(max_examples=200, deadline=None)
@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), min_size=1, max_size=5),
    quality=st.integers(0, 100),
)
def test_flipped_bytes(model: EntropyModel, node: bytes, flips: list[tuple[int, int]], quality: int) -> None:
    damaged = bytearray(node)
    for place, flip in flips:
        damaged[place % len(node)] ^= flip
    decode_or_refuse(model, bytes(damaged), 5, 6, quality)


def test_truncation_at_every_length(model: EntropyModel, node: bytes) -> None:
    for length in range(len(node)):
        decode_or_refuse(model, node[:length], 5, 6)


def test_the_wrong_grid(model: EntropyModel, node: bytes) -> None:
    for h in range(1, 8):
        for w in range(1, 8):
            decode_or_refuse(model, node, h, w)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x0c",
        b"\x80" * 9,
        b"\xff\xff\xff\xff\x7f\x00",
        b"\x1a\x00",  # 13 of 12 channels, in lanes
        b"\x19\x00",  # lanes without words
        b"\x0c\xff\xff\xff\xff\x0f",  # four billion raw bytes
        b"\x0c\x00\x01\x02\x03",  # three quarters of a word
        b"\x0c\x00\x01\x00\x00\x00\x00\x00\x00\x00",
        b"\x00\x00\x01\x00\x00\x00",  # a word too many
    ],
)
def test_malformed_nodes_are_value_errors(model: EntropyModel, data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        model.decode_symbols(data, 0, 50, 3, 3)


# -- malformed models ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"own": np.zeros((3, 3, 11), np.int16)}, r"entropy\.own has shape"),
        ({"bias": np.zeros((2, 11, 3, 12), np.int16)}, r"entropy\.bias has shape"),
        ({"counts": np.full((40, 71), 9, np.int32)}, "summing to 65536"),
        ({"groups": np.zeros((0, 2), np.int32)}, "malformed"),
        ({"groups": np.array([[4, 8], [4, 4], [12, 2]], np.int32)}, "does not cut"),
        ({"groups": np.array([[3, 8], [8, 4], [12, 2]], np.int32)}, "does not cut"),
        ({"groups": np.array([[4, 6], [8, 4], [12, 2]], np.int32)}, "powers of two"),
        ({"groups": np.array([[4, 16], [8, 4], [12, 2]], np.int32)}, "too wide"),
        ({"logs": np.zeros(0, np.int16)}, r"entropy\.logs has shape"),
        ({"logs": np.zeros(9, np.float32)}, r"entropy\.logs holds float32"),
        ({"centroids": np.zeros((40, 3), np.int16)}, r"entropy\.centroids holds int16"),
        ({"predict": np.zeros((3, 2), np.int16)}, "malformed"),
    ],
)
def test_malformed_tensors_are_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        EntropyModel(integer_tensors() | changes)


def test_missing_tensors_are_named() -> None:
    tensors = integer_tensors()
    del tensors["logs"], tensors["own"]
    with pytest.raises(ValueError, match=r"entropy\.logs, entropy\.own"):
        EntropyModel(tensors)
