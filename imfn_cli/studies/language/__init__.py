"""Language: hidden states of a small causal language model through memories, and its predictions after that.

The domain that the paper leaves out. The study trains the language model itself, on English text that every
machine has that runs this (docstrings of Python and NumPy). States are vectors (T, D), float32; what turns
windows of them into memories and back is a `Compressor`. Everything learns from the training modules; all
that is reported is measured on modules that neither the language model nor any compressor has seen.
"""
