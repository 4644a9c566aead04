"""Changes to files that have a JSON header: blind ones, and ones that know what the parts are."""

import json
import random
import struct
from typing import Any

_SMALL = (0, 1, 2, 3, 7, 8, 64, 255, 256, 4096, 65535, 65536, 1 << 20, 1 << 28, (1 << 31) - 1, 1 << 31)
_LARGE = ((1 << 32) - 1, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 10**40, -1, -5, -(1 << 63))
_NUMBERS = (*_SMALL, *_LARGE)
_VALUES: tuple[Any, ...] = (
    *_NUMBERS,
    0.5,
    1e999,
    None,
    True,
    False,
    "",
    "1/1",
    "0/1",
    "1/0",
    [],
    {},
    "\x1b[2J",
)
_FRACTIONS = ("1/9223372036854775807", "9223372036854775807/1", "1e999", "-1/25", "1/1000", "30000/1001")


def mutated(data: bytes, chance: random.Random, others: list[bytes], longest: int = 1 << 14) -> bytes:
    """One to four changes of `data`.   others: files that parts may be taken from."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        change = chance.choice((_flip, _number, _cut, _repeat, _insert, _header, _header, _header, _splice))
        # Most of a small file is JSON, where a blind change is seldom more than an error of syntax.
        head = _head_size(data) if change not in (_header, _splice) and chance.random() < 0.9 else 0
        data = data[:head] + (change(data[head:], chance, others) or data[head:])
    return data[:longest]


def _head_size(data: bytes) -> int:
    """Bytes of the layout and of its length; 0 where there is none."""
    size = 8 + int.from_bytes(data[:8], "little")
    return size if size < len(data) and data[8:9] == b"{" else 0


def _place(data: bytes | bytearray, chance: random.Random) -> int:
    return chance.randrange(len(data)) if data else 0


def _flip(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        if out:
            out[_place(out, chance)] ^= 1 << chance.randrange(8)
    return bytes(out)


def _number(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """A number of 1 to 8 bytes written over what is there, at its alignment more often than not."""
    size = chance.choice((1, 2, 4, 8))
    at = _place(data, chance)
    at -= at % size if chance.random() < 0.8 else 0
    value = chance.choice(_NUMBERS) if chance.random() < 0.7 else chance.getrandbits(8 * size)
    return data[:at] + (value % (1 << 8 * size)).to_bytes(size, "little") + data[at + size :]


def _cut(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    first, last = sorted((_place(data, chance), _place(data, chance)))
    if chance.random() < 0.5:
        last = min(last, first + 64)
    return data[:first] + data[last:] if chance.random() < 0.8 else data[:last]


def _repeat(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    first = _place(data, chance)
    part = data[first : first + chance.choice((1, 4, 12, 44, 46, 200))]
    return data[:first] + part * chance.choice((2, 3, 9)) + data[first + len(part) :]


def _insert(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    at = _place(data, chance)
    return data[:at] + chance.randbytes(chance.choice((1, 4, 12, 100))) + data[at:]


def _splice(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    if not others:
        return data
    other = chance.choice(others)
    return data[: _place(data, chance)] + other[_place(other, chance) :]


def _header(data: bytes, chance: random.Random, others: list[bytes]) -> bytes | None:
    """Another value in the JSON of the layout, or in the JSON inside that."""
    try:
        (size,) = struct.unpack("<Q", data[:8])
        layout = json.loads(data[8 : 8 + size])
        metadata = layout["__metadata__"]
        key = chance.choice(list(metadata))
        inner = json.loads(metadata[key])
        inside = isinstance(inner, dict) and bool(inner) and chance.random() < 0.8
        _change(inner if inside else layout, chance)
        if inside:
            metadata[key] = json.dumps(inner, sort_keys=True, separators=(",", ":"))
        text = json.dumps(layout, separators=(",", ":")).encode()
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, struct.error):
        return None
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data[8 + size :]


def _change(values: Any, chance: random.Random) -> None:
    keys = list(values) if isinstance(values, dict) else list(range(len(values)))
    key = chance.choice(keys)
    old = values[key]
    if isinstance(old, dict | list) and old and chance.random() < 0.8:
        _change(old, chance)
    elif isinstance(values, dict) and chance.random() < 0.1:
        del values[key]
    elif type(old) is int and chance.random() < 0.5:
        values[key] = old + chance.choice((-1, 1, 2, -2, 8, 64))
    elif isinstance(old, str) and "/" in old:
        values[key] = chance.choice(_FRACTIONS)
    else:
        values[key] = chance.choice(_VALUES)
