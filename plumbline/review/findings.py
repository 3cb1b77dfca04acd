"""All that a reviewer asks about two commits, in DVC's own answers."""

from typing import Any, NamedTuple

from plumbline.core.params import PARAMS
from plumbline.review import diffs as answers
from plumbline.review import pictures as album
from plumbline.review import reproduction
from plumbline.review.diffs import Change
from plumbline.review.git import Clone
from plumbline.review.pictures import Picture
from plumbline.review.reproduction import Difference
from tools import check
from tools.gate import GATE, Gate


class Review(NamedTuple):
    """What changed from a base to a head, and whether what the head has committed holds.

    params, rules: what changed in params.yaml and in gate.yaml. stages: by name, what became of
    each. problems: why the lock does not hold. differences: of a run from nothing, None for no run.
    """

    metrics: list[Change]
    params: list[Change]
    rules: list[Change]
    stages: dict[str, str]
    pictures: list[Picture]
    problems: list[str]
    differences: list[Difference] | None


def review(clone: Clone, base: str, gate: Gate, full: bool) -> Review:
    """The review of the clone against the commit `base`; `full`: with a run from nothing."""
    metrics = answers.metrics_diff(clone, base)
    order = {name: i for i, name in enumerate(gate.metrics)}
    return Review(
        metrics=sorted(metrics, key=lambda change: order.get(change.name, len(order))),
        params=answers.params_diff(clone, base, str(PARAMS)),
        rules=answers.params_diff(clone, base, str(GATE)),
        stages=ran(clone.stages(base, "dvc.lock"), clone.stages(clone.head, "dvc.lock")),
        pictures=album.changed(clone, base),
        problems=check.problems(clone),
        differences=reproduction.reproduce(clone, gate) if full else None,
    )


def ran(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    """What became of each stage, in the order of dvc.lock: ran, new, removed or skipped."""
    found = {name: "removed" for name in old if name not in new}
    for name, entry in new.items():
        skipped = "skipped" if old.get(name) == entry else "ran"
        found[name] = skipped if name in old else "new"
    return found
