"""An inter node's bytes: varint size of its motion field, the motion field, then the residual's bytes."""

from .varint import read_varint, varint


def join_inter(motion: bytes, residual: bytes) -> bytes:
    """Motion field and residual as one node's bytes."""
    return varint(len(motion)) + motion + residual


def split_inter(data: bytes) -> tuple[bytes, bytes]:
    """A node's bytes as motion field and residual. Raises ValueError if they are malformed."""
    size, at = read_varint(data, 0)
    return data[at : at + size], data[at + size :]
