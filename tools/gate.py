"""Fail if a metric got worse than that of another revision, or is beyond its limit.

Usage: python -m tools.gate BASE [HEAD]
"""

import math
from argparse import Namespace
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from plumbline.core.syntax import parse
from plumbline.review import arguments as command
from plumbline.review.diffs import Change, metrics_diff
from plumbline.review.git import clone_of, commit, working_tree

GATE = Path("gate.yaml")

Tolerance = Annotated[float, Meta(ge=0)]
Verdict = Literal["better", "worse", "same", "new", "unjudged"]


class Metric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one metric is judged; its meaning stands in gate.yaml."""

    better: Literal["lower", "higher", "neither"]
    tolerance: Tolerance
    limit: float | None = None


class Pictures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a picture that was drawn again is judged."""

    tolerance: Tolerance


class Raw(msgspec.Struct):
    """The gate file before its metrics are looked at, so that a mistake can name its metric."""

    metrics: dict[str, Any]


class Gate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of gate.yaml."""

    metrics: dict[str, Metric]
    pictures: Pictures


def load() -> Gate:
    """The gate file of the working tree; ValueError says what is wrong in it, and where."""
    raw, where = parse(GATE.read_bytes(), GATE), str(GATE)
    try:
        metrics = msgspec.convert(raw, Raw).metrics
        for name, metric in metrics.items():
            where = f"{GATE}: {name}"
            rule = msgspec.convert(metric, Metric)
            if rule.better == "neither" and rule.limit is not None:
                raise ValueError(f"{where}: wanted better: lower or higher beside a limit")
        return msgspec.convert(raw, Gate)
    except msgspec.ValidationError as error:
        raise ValueError(f"{where}: {error}") from None


def is_number(value: Any) -> bool:
    """Whether the value is a number that can be judged; nan, inf and true cannot."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def judge(metric: Metric | None, old: Any, new: Any) -> Verdict:
    """What became of the metric; one that is not there any more, or no number, got worse."""
    if metric is None or metric.better == "neither":
        return "unjudged"
    if not is_number(new):
        return "worse"
    if not is_number(old):
        return "new"
    if abs(new - old) <= metric.tolerance:
        return "same"
    return "better" if (new < old) == (metric.better == "lower") else "worse"


def is_beyond(metric: Metric | None, new: Any) -> bool:
    """Whether the value is a number on the wrong side of the metric's limit."""
    if metric is None or metric.limit is None or not is_number(new):
        return False
    return bool(new > metric.limit if metric.better == "lower" else new < metric.limit)


def complaints(gate: Gate, changes: list[Change]) -> list[str]:
    """A line for each metric that got worse or is beyond its limit; none if the gate is open."""
    unknown = sorted(set(gate.metrics) - {change.name for change in changes})
    if unknown:
        raise ValueError(f"{GATE}: {', '.join(unknown)}: no revision has a metric of this name")
    lines = []
    for name, old, new in changes:
        metric = gate.metrics.get(name)
        if metric and judge(metric, old, new) == "worse":
            why = "wanted a finite number"
            if is_number(old) and is_number(new):
                why = f"by {abs(new - old):.3g}, tolerance {metric.tolerance:g}"
            lines.append(f"{name} got worse: {old} -> {new} ({why})")
        if metric and is_beyond(metric, new):
            lines.append(f"{name} is beyond its limit: {new} (limit {metric.limit:g})")
    return lines


def main(arguments: Namespace) -> None:
    gate, base = load(), commit(arguments.base)
    with clone_of(commit(arguments.head) if arguments.head else working_tree()) as clone:
        changes = metrics_diff(clone, base)
    lines = complaints(gate, changes)
    if lines:
        command.fail(f"gate: worse than {arguments.base}", lines)
    print(f"gate: no metric is worse than in {arguments.base} or beyond its limit")


if __name__ == "__main__":
    options = command.parser(__doc__)
    options.add_argument("base", help="the revision to compare with")
    options.add_argument("head", nargs="?", help="the revision to judge; else the working tree")
    command.run(main, options)
