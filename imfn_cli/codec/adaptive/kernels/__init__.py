"""Compiled loops over the blocks of a frame. Their types are what numba finds."""
