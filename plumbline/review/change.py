"""A value that two revisions may have."""

from typing import Any, NamedTuple


class Change(NamedTuple):
    """A metric or a parameter in two revisions, of any type; None in one that does not have it."""

    name: str
    old: Any
    new: Any
