"""Files that are there whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WRITTEN: list[Path] = []


def discard() -> None:
    """Removes what this process has written, for a stage that fails has no outputs."""
    while WRITTEN:
        WRITTEN.pop().unlink(missing_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to, renamed to `path` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    # What lies there is of a killed process, or a link to what must not be written to.
    partial.unlink(missing_ok=True)
    try:
        yield partial
        partial.replace(path)
        WRITTEN.append(path)
    finally:
        partial.unlink(missing_ok=True)
    print(f"wrote {path}")
