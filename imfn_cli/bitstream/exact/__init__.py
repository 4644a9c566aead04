"""Arrays within an error that is guaranteed: prediction and entropy coding in whole numbers."""
