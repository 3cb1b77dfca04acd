"""`gate.yaml`: how each metric and picture is judged."""

import math
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from plumbline.core.errors import UserError
from plumbline.core.files import parse_yaml
from plumbline.review.change import Change

GATE = Path("gate.yaml")

Tolerance = Annotated[float, Meta(ge=0)]
Verdict = Literal["better", "worse", "same", "new", "unjudged"]


class Metric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rule for one metric; gate.yaml says what each key means."""

    better: Literal["lower", "higher", "neither"]
    tolerance: Tolerance
    limit: float | None = None
    decides: bool = False


class Pictures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tolerance: Tolerance


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    metrics: dict[str, Metric]
    pictures: Pictures


def load_rules() -> Rules:
    """The rules of the working tree's gate.yaml; UserError names what is wrong, and where."""
    raw, where = parse_yaml(GATE.read_bytes(), GATE), str(GATE)
    try:
        # First each metric, because msgspec does not say in which metric it found an error.
        for name, metric in msgspec.convert(raw, dict[str, dict[str, Any]])["metrics"].items():
            where = f"{GATE}: {name}"
            rule = msgspec.convert(metric, Metric)
            if rule.better == "neither" and (rule.limit is not None or rule.decides):
                raise UserError(f"{where}: wanted better: lower or higher beside limit or decides")
        where = str(GATE)
        rules = msgspec.convert(raw, Rules)
    except (msgspec.ValidationError, KeyError) as error:
        raise UserError(f"{where}: {error}") from None
    if not any(metric.decides for metric in rules.metrics.values()):
        raise UserError(f"{GATE}: wanted decides: true for a metric at least, got none")
    return rules


def is_number(value: Any) -> bool:
    """True for a number that can be judged; nan, inf and booleans cannot."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def judge(metric: Metric | None, old: Any, new: Any) -> Verdict:
    """The verdict on a metric; one that is missing now, or no finite number, got worse."""
    if metric is None or metric.better == "neither":
        return "unjudged"
    if not is_number(new):
        return "worse"
    if not is_number(old):
        return "new"
    if abs(new - old) <= metric.tolerance:
        return "same"
    return "better" if (new < old) == (metric.better == "lower") else "worse"


def is_beyond_limit(metric: Metric | None, new: Any) -> bool:
    """True if the value is a number on the wrong side of the metric's limit."""
    if metric is None or metric.limit is None or not is_number(new):
        return False
    return bool(new > metric.limit if metric.better == "lower" else new < metric.limit)


def failures(rules: Rules, changes: list[Change], same_data: bool = True) -> list[str]:
    """A line for each metric that decides and got worse, and for each one beyond its limit.

    same_data: False if the metrics are of other samples than the base's, and not compared.
    """
    unknown = sorted(set(rules.metrics) - {change.name for change in changes})
    if unknown:
        names = ", ".join(unknown)
        raise UserError(f"{GATE}: {names}: no revision has such a metric; remove the rule")
    lines = []
    for name, old, new in changes:
        metric = rules.metrics.get(name)
        # Of other data, a metric that is gone or not finite fails all the same.
        compared = same_data or not is_number(new)
        if metric and metric.decides and compared and judge(metric, old, new) == "worse":
            why = f"wanted a finite number; if it is gone on purpose, remove its rule from {GATE}"
            if is_number(old) and is_number(new):
                why = f"by {abs(new - old):.3g}, tolerance {metric.tolerance:g}"
            lines.append(f"{name} got worse: {old} -> {new} ({why})")
        if metric and is_beyond_limit(metric, new):
            lines.append(f"{name} is beyond its limit: {new} (limit {metric.limit:g})")
    return lines
