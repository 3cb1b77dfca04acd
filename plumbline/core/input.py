"""Files that are read: regular ones, of a size that is meant."""

from pathlib import Path


def read(path: Path, limit: int) -> bytes:
    """The bytes of a file; ValueError if it is none, a device or a pipe, or longer than `limit`."""
    if not path.is_file():
        raise ValueError(f"{path}: wanted a file, got {'a folder' if path.is_dir() else 'none'}")
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"{path}: wanted at most {limit:,} bytes, got more")
    return content
