"""Adaptive binary range coder with logistic mixing of a few contexts; integers and bytes only.

    contexts ──▶ probabilities ──stretch──▶ Σ w·s ──squash──▶ P(1) ──▶ range coder ◀─▶ bytes
                      ▲                       ▲                              │
                      └────── adapt ──────────┴──────────── bit ◀────────────┘

One function, `code_bit`, encodes, decodes and estimates: which of them, the coder's state says. So the
syntax that is
written on top of it exists once, and encoder and decoder cannot differ.
The range coder is that of LZMA (32-bit range, carry into bytes that wait); probabilities have 16 bits.
Mixing follows
Mahoney's lpaq (integers; the tables below are built with integer arithmetic, so they are the same
everywhere).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...system.compiled import inner, kernel

ENCODE, DECODE = 0, 1
# Places in `Coder.io`.
LOW, RANGE, CACHE, WAITING, POS, MODE, CODE, END = range(8)
#: Most contexts that are mixed for one bit.
MAX_CONTEXTS = 8
# A probability's rate of adaptation falls with what it has seen, from 1/2 to 1/(LIMIT + 1.5).
LIMIT = 255
_RATE_BITS = 16


def _squash_table() -> NDArray[np.int64]:
    """P(1) in 1/65536 for stretch values −2047 … 2047 in 1/256 nats: 1/(1+e^−x), in integers only."""
    # e^(1/256) to a power, by repeated multiplication with 60 fractional bits.
    one = 1 << 60
    # Taylor series of e^(1/256) in exact integers.
    base, term, k = one, one, 1
    while term:
        term = term // (256 * k)
        base += term
        k += 1
    table = np.zeros(4096, np.int64)
    power = one
    for x in range(0, 2048):
        up = (65536 * power + (one + power) // 2) // (one + power)
        table[2048 + x] = min(max(up, 24), 65536 - 24)
        table[2048 - x] = 65536 - table[2048 + x]
        power = power * base >> 60
    table[0] = table[1]
    return table


def _stretch_table(squash: NDArray[np.int64]) -> NDArray[np.int32]:
    """Inverse of the above for probabilities in 1/4096."""
    table = np.zeros(4096, np.int32)
    x = -2047
    for p in range(4096):
        while x < 2047 and squash[x + 2048] < p * 16 + 8:
            x += 1
        table[p] = x
    return table


_SQUASH = _squash_table()
_STRETCH = _stretch_table(_SQUASH)
_RATES = np.array([(2 << _RATE_BITS) // (2 * n + 3) for n in range(LIMIT + 1)], np.int64)
#: Bits of an event of probability (i + ½)/4096; for the encoder's estimates only.
BITS = (-np.log2((np.arange(4097) + 0.5) / 4097)).astype(np.float32)


class Coder(NamedTuple):
    """State of one stream: io (8,) int64, bytes, and what has been learned.

    p, n: probability of a one in 1/65536 and count, per context.    w: (sets, MAX_CONTEXTS) mixing weights,
    16.16.
    ctx, st: scratch of the bit at hand.
    """

    io: NDArray[np.int64]
    buf: NDArray[np.uint8]
    p: NDArray[np.uint16]
    n: NDArray[np.uint8]
    w: NDArray[np.int32]
    ctx: NDArray[np.int64]
    st: NDArray[np.int64]


def new_coder(contexts: int, sets: int, *, data: bytes | None = None, capacity: int = 1 << 20) -> Coder:
    """An encoder, or the decoder of `data`; nothing learned yet.

    capacity: bytes that an encoder may write before `finish`.
    """
    scratch = np.zeros(MAX_CONTEXTS, np.int64)
    coder = Coder(
        io=np.zeros(8, np.int64),
        buf=np.zeros(0 if data is not None else capacity, np.uint8),
        p=np.full(contexts, 32768, np.uint16),
        n=np.zeros(contexts, np.uint8),
        w=np.zeros((sets, MAX_CONTEXTS), np.int32),
        ctx=scratch,
        st=scratch.copy(),
    )
    if data is not None:
        return fed(coder, data)
    _begin(coder)
    return coder


def fed(cd: Coder, data: bytes) -> Coder:
    """The decoder of more bytes, those of another `finish`, with what `cd` has learned."""
    buf = np.frombuffer(data, np.uint8).copy()
    cd.io[:] = 0
    cd.io[RANGE], cd.io[MODE], cd.io[END] = 0xFFFFFFFF, DECODE, len(buf)
    for _ in range(4):
        cd.io[CODE] = cd.io[CODE] << 8 | _next(cd.io, buf)
    return cd._replace(buf=buf)


def _begin(cd: Coder) -> None:
    """Begin to write at the front of the buffer; what has been learned stays."""
    cd.io[:] = 0
    cd.io[RANGE], cd.io[MODE], cd.io[END], cd.io[CACHE] = 0xFFFFFFFF, ENCODE, len(cd.buf), -1


@kernel
def _next(io, buf):
    """The next byte; zeros beyond the end, so that a truncated stream decodes to something and ends."""
    pos = io[POS]
    io[POS] = pos + 1
    return np.int64(buf[pos]) if pos < io[END] else np.int64(0)


@kernel
def _shift_low(io, buf):
    low = io[LOW]
    if low < 0xFF000000 or low > 0xFFFFFFFF:
        carry = low >> 32
        pos = io[POS]
        if io[CACHE] >= 0:
            if pos < io[END]:
                buf[pos] = (io[CACHE] + carry) & 0xFF
            pos += 1
        for _ in range(io[WAITING]):
            if pos < io[END]:
                buf[pos] = (0xFF + carry) & 0xFF
            pos += 1
        io[WAITING] = 0
        io[CACHE] = (low >> 24) & 0xFF
        io[POS] = pos
    else:
        io[WAITING] += 1
    io[LOW] = (low & 0x00FFFFFF) << 8


@inner
def code_probability(io, buf, p1, bit):
    """Encode `bit`, or decode and return one, at probability p1/65536 of a one, 1 ≤ p1 ≤ 65535."""
    bound = (io[RANGE] >> 16) * p1
    if io[MODE] == DECODE:
        if io[CODE] < bound:
            bit = 1
            io[RANGE] = bound
        else:
            bit = 0
            io[CODE] -= bound
            io[RANGE] -= bound
        while io[RANGE] < 0x1000000:
            io[RANGE] <<= 8
            io[CODE] = (io[CODE] << 8 | _next(io, buf)) & 0xFFFFFFFF
    else:
        if bit:
            io[RANGE] = bound
        else:
            io[LOW] += bound
            io[RANGE] -= bound
        while io[RANGE] < 0x1000000:
            io[RANGE] <<= 8
            _shift_low(io, buf)
    return bit


@inner
def code_bit(cd, count, wset, bit):
    """Code `bit` in the `count` contexts `cd.ctx`, mixed by weights `wset`; returns the bit."""
    dot = np.int64(0)
    for i in range(count):
        s = np.int64(_STRETCH[cd.p[cd.ctx[i]] >> 4])
        cd.st[i] = s
        dot += s * cd.w[wset, i]
    x = min(max(dot >> 16, -2047), 2047)
    p1 = _SQUASH[x + 2048]
    bit = code_probability(cd.io, cd.buf, p1, bit)
    error = (bit << 16) - p1
    for i in range(count):
        cd.w[wset, i] += (cd.st[i] * error * 12 + (1 << 19)) >> 20
        k = cd.ctx[i]
        n = np.int64(cd.n[k])
        p = np.int64(cd.p[k])
        p += (((bit << 16) - bit - p) * _RATES[n]) >> _RATE_BITS
        cd.p[k] = min(max(p, 32), 65535 - 32)
        if n < LIMIT:
            cd.n[k] = n + 1
    return bit


@inner
def code_direct(cd, bit):
    """A bit that is as likely one as zero."""
    return code_probability(cd.io, cd.buf, np.int64(32768), bit)


@inner
def code_single(cd, context, bit):
    """A bit in one context, not mixed."""
    p = np.int64(cd.p[context])
    bit = code_probability(cd.io, cd.buf, min(max(p, 32), 65503), bit)
    n = np.int64(cd.n[context])
    p += (((bit << 16) - bit - p) * _RATES[n]) >> _RATE_BITS
    cd.p[context] = min(max(p, 32), 65535 - 32)
    if n < 60:
        cd.n[context] = n + 1
    return bit


def silent(cd: Coder) -> Coder:
    """An encoder that goes on from the state of another, and whose bytes go nowhere."""
    parts = {name: part.copy() for name, part in cd._replace(buf=cd.buf[:0])._asdict().items()}
    other = Coder(**parts)
    other.io[END] = 0
    return other


def finish(cd: Coder) -> bytes:
    """The bytes of what was encoded since the last time, for `fed`; what has been learned stays.

    Zeros at the end are left out: the decoder reads them anyway. So of all numbers in the range that is left
    the one with the most zeros is written.
    """
    _round_low(cd.io)
    for _ in range(5):
        _shift_low(cd.io, cd.buf)
    size = int(cd.io[POS])
    if size > cd.io[END]:
        raise OverflowError("the buffer of the encoder is too small")
    data = cd.buf[:size].tobytes().rstrip(b"\0")
    _begin(cd)
    return data


@kernel
def _round_low(io):
    for bits in range(32, -1, -1):
        rounded = ((io[LOW] + (1 << bits) - 1) >> bits) << bits
        if rounded - io[LOW] < io[RANGE]:
            io[LOW] = rounded
            return
