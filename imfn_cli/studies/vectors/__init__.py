"""Sequences of vectors in one memory: what MNIST and language share.

Vectors are rows of floats; sequences are (B, N, size), memories (B, M), both float32. What turns one into the
other is a `Compressor`: a tree, PCA, or a baseline that is trained.
"""
