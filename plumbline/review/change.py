"""A value that two revisions may have."""

from typing import Any, NamedTuple

# The metric that is a text: the kind of device that trained, such as cpu or cuda.
DEVICE = "device"


class Change(NamedTuple):
    """A metric or a parameter in two revisions, of any type; None in one that does not have it."""

    name: str
    old: Any
    new: Any


def other_device(metrics: list[Change]) -> Change | None:
    """The change of the kind of device that trained; None if it is the same, or not recorded.

    The last digits of two kinds of device differ, so only tolerances compare them.
    """
    for change in metrics:
        if change.name == DEVICE and change.old and change.new and change.old != change.new:
            return change
    return None
