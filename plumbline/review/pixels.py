"""Two versions of a picture, compared by their pixels."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def differing(old: bytes, new: bytes) -> float:
    """The share of the pixels that differ in any channel; 1 if the sizes do, or a file is none.

    Equal pixels make it 0, whatever the bytes: two builds of a library pack them differently.
    """
    if old == new:
        return 0.0
    before, after = pixels(old), pixels(new)
    if before is None or after is None or before.shape != after.shape:
        return 1.0
    return float((before != after).any(axis=-1).mean())


def pixels(content: bytes) -> Pixels | None:
    """The picture as (height, width, 4); None if it is none, or too large to be one of ours."""
    try:
        with Image.open(BytesIO(content)) as image:
            return np.asarray(image.convert("RGBA"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
