"""The files of the model `mnist`; imfn finds them by an entry point."""
