"""Arrays of any type as sources and sinks: .npy, .npz, TIFF, HDF5, Zarr; parts of them, never all at once."""
