"""Pictures of one size beside each other, a title above each; what the other examples draw with."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw


def save_sheet(pictures: Sequence[tuple[str, NDArray[np.uint8]]], output: str) -> None:
    """Write titles and uint8 (H, W, C) pixels as one image."""
    height, width = pictures[0][1].shape[:2]
    sheet = Image.new("RGB", (width * len(pictures), height + 16), "white")
    draw = ImageDraw.Draw(sheet)
    for index, (title, pixels) in enumerate(pictures):
        sheet.paste(Image.fromarray(pixels), (index * width, 16))
        draw.text((index * width + 3, 2), title, fill="black")
    sheet.save(output)
