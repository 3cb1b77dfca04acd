"""The pictures that differ between two commits, before and after."""

from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plumbline.lint.declared import entries
from plumbline.review.git import Checkout
from plumbline.review.markdown import DATA


class Picture(NamedTuple):
    """A picture that changed: the share of its pixels, and both versions; None for no file."""

    path: str
    share: float
    before: bytes | None
    after: bytes | None


def changed_pictures(checkout: Checkout, base: str) -> list[Picture]:
    """The pictures in git of which a pixel differs, by path; a new or removed one is among them."""
    commits = base, checkout.head
    drawn = [entries(checkout.stages("dvc.yaml", commit), "plots") for commit in commits]
    pictures = []
    for path in sorted(path for path in drawn[0] | drawn[1] if path.endswith(".png")):
        before, after = (checkout.read(commit, path) for commit in commits)
        share = differing_share(before or b"", after or b"")
        pictures.append(Picture(path, share, before, after))
    return [picture for picture in pictures if picture.share]


def write_pictures(pictures: list[Picture], folder: Path) -> dict[str, tuple[str, str]]:
    """Writes both versions of each picture; the result is their names in the folder."""
    found = {}
    for path, _, *versions in pictures:
        flat = path.replace("/", "-").replace("\\", "-")
        names = f"before-{flat}", f"after-{flat}"
        for name, content in zip(names, versions, strict=True):
            if content is not None:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
        found[path] = names
    return found


def as_data(pictures: list[Picture]) -> dict[str, tuple[str, str]]:
    """Both versions of each picture as an address that contains it."""
    return {
        path: (DATA + b64encode(before or b"").decode(), DATA + b64encode(after or b"").decode())
        for path, _, before, after in pictures
    }


def differing_share(old: bytes, new: bytes) -> float:
    """The share of the pixels that differ in any channel; 1 for another size or no picture.

    Equal pixels give 0 also if the bytes differ: libraries compress them differently.
    """
    if old == new:
        return 0.0
    before, after = _pixels(old), _pixels(new)
    if before is None or after is None or before.shape != after.shape:
        return 1.0
    return float((before != after).any(axis=-1).mean())


def _pixels(content: bytes) -> NDArray[np.uint8] | None:
    """The picture as (height, width, 4); None if it is no picture, or too large for one of ours."""
    try:
        with Image.open(BytesIO(content)) as image:
            return np.asarray(image.convert("RGBA"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
