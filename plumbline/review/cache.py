"""DVC's cache, whose objects DVC itself takes for whole as long as they are read-only."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from dvc.repo import Repo  # type: ignore[import-untyped]


def path() -> Path:
    """Where the repository that the process runs in has its cache."""
    with Repo(".", uninitialized=True) as repo:
        return Path(repo.cache.local.path)


def damaged(cache: Path, hashes: dict[str, str]) -> Iterator[str]:
    """A line for each object that is not what its name says, with what heals it.

    hashes: the MD5 of each output in dvc.lock, by its path; a fresh clone has no object of them.
    """
    for output, md5 in sorted(hashes.items()):
        stored = cache / md5[:2] / md5[2:]
        if md5 and stored.is_file():
            with stored.open("rb") as file:
                if hashlib.file_digest(file, "md5").hexdigest() != md5:
                    yield f"{output}: damaged in the cache; delete it and {stored}, then dvc repro"
