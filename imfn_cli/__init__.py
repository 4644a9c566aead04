"""imfn: compress and restore image sequences with Invertible Memory Flow Networks (arXiv 2602.00535)."""

__version__ = "0.1.0"
