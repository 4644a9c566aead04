"""Whole numbers in as few bytes as they need: seven bits a byte, least significant first."""


def varint(value: int) -> bytes:
    """value ≥ 0 → its bytes."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at `at` (below 2**35), and where the next thing begins. Raises `ValueError`."""
    value = shift = 0
    while at < len(data) and shift < 35:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("malformed node")
