"""The measurements of a revision: metrics, the training's history, and repeated trainings."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from plumbline import history, validation
from plumbline.core.errors import UserError
from plumbline.core.files import parse_yaml
from plumbline.core.params import MAX_BYTES
from plumbline.history import Epoch
from plumbline.lint import declared
from plumbline.review.git import Checkout
from plumbline.validation import Repeat

Values = dict[str, Any]  # by name; nested names are joined by dots, as in `train.lr`


class Measured(NamedTuple):
    """The values in a revision's metrics files and in the CSVs of its plots."""

    metrics: Values
    repeats: list[Repeat] | None = None  # None without a validation
    epochs: list[Epoch] | None = None  # None without a history


class Change(NamedTuple):
    """A value in two revisions; None if a revision does not have it."""

    name: str
    old: Any
    new: Any


def measure(checkout: Checkout, commit: str) -> Measured:
    """The measurements at the commit, or in the working folder if `commit` is empty.

    Metrics are numbers, booleans and texts, such as the device; other values are left out.
    """
    found, stages = Values(), checkout.stages("dvc.yaml", commit)
    for path in declared.entries(stages, "metrics"):
        found |= read_values(checkout, commit, path)
    metrics = {name: value for name, value in found.items() if isinstance(value, float | int | str)}
    measured = Measured(metrics)
    for path in declared.entries(stages, "plots"):
        content = (path.endswith(".csv") and checkout.read(commit, path)) or b""
        header = content[:1000].partition(b"\n")[0].decode(errors="replace").rstrip().split(",")
        if header == [*Repeat._fields]:
            measured = measured._replace(repeats=validation.parse(content, path))
        elif header in history.HEADERS:
            measured = measured._replace(epochs=history.parse(content, path))
    return measured


def read_values(checkout: Checkout, commit: str, path: str) -> Values:
    """The values in a JSON or YAML file at `commit`, or in the working folder if `commit` is empty.

    The result is empty if there is no such file. UserError if the file is not a mapping.
    """
    content = checkout.read(commit, path)
    if content is None:
        return {}
    if len(content) > MAX_BYTES:
        raise UserError(f"{path}: wanted at most {MAX_BYTES:,} bytes, got more")
    if path.endswith(".json"):
        try:
            # More than 300 digits may overflow a float, so they stay text, as in YAML.
            values = json.loads(content, parse_int=lambda n: int(n) if len(n) <= 300 else n)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}: wanted JSON, got: {error}") from None
    else:
        values = parse_yaml(content, Path(path)) or {}
    if not isinstance(values, dict):
        raise UserError(f"{path}: wanted names and values, got {type(values).__name__}")
    while sections := [name for name, value in values.items() if isinstance(value, dict) and value]:
        for name in sections:
            values |= {f"{name}.{inner}": value for inner, value in values.pop(name).items()}
    return values


def compare_values(old: Values, new: Values, first: Iterable[str] = ()) -> list[Change]:
    """Each value in either revision: first those named in `first`, then the others by name."""
    names = dict.fromkeys([*first, *sorted({*old, *new})])
    return [Change(name, old.get(name), new.get(name)) for name in names if name in {*old, *new}]


def read_changes(checkout: Checkout, base: str, path: Path) -> list[Change]:
    """The values in the file that changed since the commit `base`."""
    old, new = (read_values(checkout, commit, str(path)) for commit in (base, checkout.head))
    return [change for change in compare_values(old, new) if change.old != change.new]


def has_changed(old: Values, new: Values, name: str) -> bool:
    """True if both revisions have the value and it differs."""
    return name in old and name in new and old[name] != new[name]


def is_number(value: Any) -> bool:
    """True for a finite number; False for nan, inf and booleans."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
