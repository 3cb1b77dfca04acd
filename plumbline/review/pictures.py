"""The pictures that differ between two commits, before and after."""

from pathlib import Path
from typing import NamedTuple

from plumbline.review import diffs as answers
from plumbline.review.git import Clone
from plumbline.review.pixels import differing


class Picture(NamedTuple):
    """A picture that changed: in what share of its pixels, and both versions, None for none."""

    path: str
    share: float
    before: bytes | None
    after: bytes | None


def changed(clone: Clone, base: str) -> list[Picture]:
    """Each picture of which a pixel differs, by path; one without a counterpart differs in all."""
    old, new = answers.pictures(clone, base), answers.pictures(clone, clone.head)
    pairs = {path: (old.get(path), new.get(path)) for path in sorted(old | new)}
    pictures = [
        Picture(path, differing(before or b"", after or b""), before, after)
        for path, (before, after) in pairs.items()
    ]
    return [picture for picture in pictures if picture.share]


def linked(pictures: list[Picture], base: str, head: str) -> dict[str, tuple[str, str]]:
    """Where each picture's two versions are, below the addresses of the two commits."""
    return {path: (f"{base}/{path}", f"{head}/{path}") for path, *_ in pictures}


def written(pictures: list[Picture], folder: Path) -> dict[str, tuple[str, str]]:
    """The same as files in the folder, which are written; the addresses are relative to it."""
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
