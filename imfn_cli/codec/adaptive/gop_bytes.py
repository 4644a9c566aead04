"""A GOP's bytes: how much of it sits in windows of each length, as varints, then the range coder's bytes."""

from ...bitstream.entropy.varint import read_varint, varint


def join_gop(shares: tuple[int, ...], payload: bytes) -> bytes:
    """shares: block frames in windows of 1, 2, 4, … 2^top frames, the first frame's left out."""
    return b"".join(varint(share) for share in shares) + payload


def split_gop(data: bytes, top: int) -> tuple[tuple[int, ...], bytes]:
    """What `join_gop` joined. Raises ValueError if it is malformed."""
    shares, at = [], 0
    for _ in range(top + 1):
        share, at = read_varint(data, at)
        shares.append(share)
    return tuple(shares), data[at:]
