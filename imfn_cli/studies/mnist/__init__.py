"""MNIST: one memory for up to 64 images, against Transformer, Mamba and MLP autoencoders of the same memory.

Images are rows of 784 floats in [0, 1]; sequences are (B, N, 784), memories (B, M), both float32. What turns
one into the other is a `Compressor` (`studies/vectors`): our model, its linear part, PCA, or a baseline.
Models learn from the 60 000 training images; everything that is reported is measured on the 10 000 test
images.
"""
