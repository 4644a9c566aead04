"""Bits in contexts survive the range coder, whatever they are."""

import numpy as np
import pytest

pytest.importorskip("numba")

from imfn_cli.bitstream.adaptive import binary_coder
from imfn_cli.bitstream.adaptive.binary_coder import WAITING, Coder, finish, new_coder
from tests.kernels import from_python

code_bit, code_direct = from_python(binary_coder.code_bit), from_python(binary_coder.code_direct)
code_probability = from_python(binary_coder.code_probability)
code_single = from_python(binary_coder.code_single)

pytestmark = pytest.mark.xdist_group("adaptive")


def _code(coder: Coder, bits: np.ndarray, contexts: np.ndarray) -> list[int]:
    """bits (n,), contexts (n, 4): mixed, single and direct bits by turns."""
    out = []
    for i, (bit, row) in enumerate(zip(bits.tolist(), contexts.tolist(), strict=True)):
        if i % 3 == 0:
            coder.ctx[:4] = row
            out.append(code_bit(coder, 4, i % 2, bit))
        elif i % 3 == 1:
            out.append(code_single(coder, row[0], bit))
        else:
            out.append(code_direct(coder, bit))
    return out


@pytest.mark.parametrize("ones", [0.0, 0.02, 0.5, 0.99, 1.0])
def test_round_trip(ones: float) -> None:
    random = np.random.default_rng(3)
    bits = (random.random(20_000) < ones).astype(np.int64)
    contexts = random.integers(0, 50, (len(bits), 4))
    encoder = new_coder(50, 2)
    assert _code(encoder, bits, contexts) == bits.tolist()
    decoder = new_coder(50, 2, data=finish(encoder))
    assert _code(decoder, np.zeros_like(bits), contexts) == bits.tolist()
    for name in ("p", "n", "w"):
        assert np.array_equal(getattr(encoder, name), getattr(decoder, name))


def test_a_predictable_stream_is_short() -> None:
    random = np.random.default_rng(4)
    bits = (random.random(20_000) < 0.02).astype(np.int64)
    coder = new_coder(1, 1)
    for bit in bits.tolist():
        code_single(coder, 0, bit)
    entropy = -(0.02 * np.log2(0.02) + 0.98 * np.log2(0.98)) * len(bits) / 8
    assert len(finish(coder)) < 1.1 * entropy


def test_a_carry_runs_through_bytes_that_wait() -> None:
    # The decoder says which bits lead to just above 0x80000000…: the encoder's LOW comes there from below.
    data = b"\x80" + bytes(30) + b"\x01"
    decoder = new_coder(1, 1, data=data)
    bits = [code_probability(decoder.io, decoder.buf, 12345, 0) for _ in range(8 * len(data))]
    # Zeros take the upper part of the range: they lead across.
    bits += [0] * 40
    encoder = new_coder(1, 1)
    waiting = 0
    for bit in bits:
        code_probability(encoder.io, encoder.buf, 12345, bit)
        waiting = max(waiting, int(encoder.io[WAITING]))
    coded = finish(encoder)
    assert waiting > 10
    assert coded[0] == 0x80
    again = new_coder(1, 1, data=coded)
    assert [code_probability(again.io, again.buf, 12345, 0) for _ in bits] == bits


def test_a_hundred_thousand_bits() -> None:
    bits = np.random.default_rng(5).integers(0, 2, 100_000).tolist()
    encoder = new_coder(1, 1)
    for bit in bits:
        code_direct(encoder, bit)
    data = finish(encoder)
    assert abs(len(data) - len(bits) // 8) < 32
    decoder = new_coder(1, 1, data=data)
    assert [code_direct(decoder, 0) for _ in bits] == bits


def test_too_many_bytes_for_the_buffer_are_refused() -> None:
    coder = new_coder(1, 1, capacity=8)
    for i in range(200):
        code_direct(coder, i & 1)
    with pytest.raises(OverflowError, match="too small"):
        finish(coder)
