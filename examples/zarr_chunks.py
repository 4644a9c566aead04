"""A labelled array in a Zarr 3 store, each chunk within an error. python examples/zarr_chunks.py [CLIP]

pip install 'imfn[arrays,xarray]'
"""

import sys
import tempfile

import numpy as np
import xarray

from imfn_cli.media import open_sequence
from imfn_cli.zarr_codec import ImfnSerializer

clip = sys.argv[1] if len(sys.argv) > 1 else "examples/clip.mp4"
with open_sequence(clip) as sequence:
    light = np.stack([frame.pixels.mean(axis=2, dtype=np.float32) for frame in sequence])
field = xarray.DataArray(light, dims=("time", "y", "x"), name="light", attrs={"units": "grey levels"})

with tempfile.TemporaryDirectory() as folder:
    chunks = (min(16, len(light)), *light.shape[1:])
    how = {"chunks": chunks, "serializer": ImfnSerializer(max_error=0.5), "compressors": None}
    field.to_dataset().to_zarr(folder, zarr_format=3, consolidated=False, encoding={"light": how})
    with xarray.open_zarr(folder, consolidated=False, chunks=None) as opened:
        later = opened["light"].isel(time=slice(-4, None))  # reads the chunks of these frames alone
        error = np.abs(later.to_numpy() - light[-4:]).max()
        print(f"{later.dims} {later.shape} of {light.shape}, within {error:.2f} {later.attrs['units']}")
