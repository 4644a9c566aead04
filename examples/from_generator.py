"""Frames that a program makes, straight into a latent: python examples/from_generator.py"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import imfn


def waves(count: int, height: int = 48, width: int = 64) -> Iterator[NDArray[np.uint8]]:
    """Two waves that run through each other, uint8 (height, width, 3)."""
    y, x = np.mgrid[:height, :width]
    for t in range(count):
        red = 127 + 127 * np.sin((x + t) / 9)
        green = 127 + 127 * np.sin((y - t) / 7)
        yield np.stack([red, green, (red + green) / 2], axis=-1).astype(np.uint8)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "waves.safetensors"
        report = imfn.compress(waves(100), path, rate=30)
        with imfn.open(path) as latent:
            last = latent[-1]
            print(
                f"{report.frames} frames in {report.bytes:,} bytes; the last one at {latent.times[-1]:.2f} s"
            )
        original = list(waves(100))[-1]
        print(f"the last one's largest error: {np.abs(last.astype(int) - original).max()} of 255")


if __name__ == "__main__":
    main()
