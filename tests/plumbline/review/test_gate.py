"""The gate judges each metric by its direction, tolerance and limit, and by nothing else."""

import math
from pathlib import Path
from typing import Any

import pytest

from plumbline.review.change import Change
from plumbline.review.gate import Metric, Pictures, Rules, failures, judge, load_rules
from tests.support.exercise import GATE

GONE = (
    "x got worse: 1.0 -> None "
    "(wanted a finite number; if it is gone on purpose, remove its rule from gate.yaml)"
)
LOWER = Metric(better="lower", tolerance=0.1, limit=2, decides=True)
HIGHER = Metric(better="higher", tolerance=0.1, limit=0.5)
NEITHER = Metric(better="neither", tolerance=0.1)


@pytest.mark.parametrize(
    ("metric", "old", "new", "verdict"),
    [
        (LOWER, 1.0, 0.5, "better"),
        (LOWER, 0.5, 1.0, "worse"),
        (HIGHER, 0.5, 1.0, "better"),
        (HIGHER, 1.0, 0.5, "worse"),
        (LOWER, 1.0, 1.0625, "same"),
        (LOWER, 1.0, 1.125, "worse"),
        (HIGHER, 1.0, 0.9375, "same"),
        (NEITHER, 1.0, 9.0, "unjudged"),
        (None, 1.0, 9.0, "unjudged"),
        (LOWER, None, 1.0, "new"),
        (LOWER, math.nan, 1.0, "new"),
        (LOWER, 1.0, None, "worse"),
        (LOWER, 1.0, math.nan, "worse"),
        (HIGHER, 1.0, math.inf, "worse"),
        (LOWER, 1.0, "0.5", "worse"),
        (LOWER, 1.0, True, "worse"),
    ],
)
def test_a_metric_is_judged_by_its_direction_and_its_tolerance(
    metric: Metric | None, old: Any, new: Any, verdict: str
) -> None:
    assert judge(metric, old, new) == verdict


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (1.0, 1.5, ["x got worse: 1.0 -> 1.5 (by 0.5, tolerance 0.1)"]),
        (3.0, 2.5, ["x is beyond its limit: 2.5 (limit 2)"]),
        (None, 2.5, ["x is beyond its limit: 2.5 (limit 2)"]),
        (1.0, None, [GONE]),
        (1.0, 2.0, ["x got worse: 1.0 -> 2.0 (by 1, tolerance 0.1)"]),
        (2.0, 1.0, []),
    ],
)
def test_each_failure_names_its_metric(old: Any, new: Any, lines: list[str]) -> None:
    rules = Rules(metrics={"x": LOWER}, pictures=Pictures(tolerance=0))
    assert failures(rules, [Change("x", old, new)]) == lines


def test_a_metric_that_does_not_decide_fails_by_its_limit_alone() -> None:
    shown = Metric(better="lower", tolerance=0.1, limit=2)
    rules = Rules(metrics={"x": shown}, pictures=Pictures(tolerance=0))
    assert failures(rules, [Change("x", 1.0, 1.5)]) == []
    assert failures(rules, [Change("x", 1.0, 2.5)]) == ["x is beyond its limit: 2.5 (limit 2)"]


def test_metrics_of_other_data_fail_by_their_limit_or_if_they_are_gone() -> None:
    rules = Rules(metrics={"x": LOWER}, pictures=Pictures(tolerance=0))
    assert failures(rules, [Change("x", 1.0, 1.5)], same_data=False) == []
    assert failures(rules, [Change("x", 1.0, 2.5)], same_data=False) == [
        "x is beyond its limit: 2.5 (limit 2)"
    ]
    assert failures(rules, [Change("x", 1.0, None)], same_data=False) == [GONE]


def test_a_rule_for_an_unknown_metric_is_refused() -> None:
    rules = Rules(metrics={"x": LOWER, "y": LOWER}, pictures=Pictures(tolerance=0))
    with pytest.raises(
        ValueError, match="^gate.yaml: y: no revision has such a metric; remove the rule$"
    ):
        failures(rules, [Change("x", 1.0, 1.0)])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    limit:", "    limitt:", r"test_mae: Object contains unknown field `limitt`$"),
        ("better: lower", "better: less", "test_mae: Invalid enum value 'less'"),
        ("tolerance: 1e-6", "tolerance: small", "test_mae: Expected `float`, got `str`"),
        ("tolerance: 1e-6", "tolerance: -1", "Expected `float` >= 0.0"),
        ("pictures:", "picture:", "missing required field `pictures`|unknown field `picture`"),
        ("metrics:", "metrics: [", "gate.yaml"),
        ("    decides: true\n", "", "gate.yaml: wanted decides: true for a metric at least"),
        (
            "better: neither",
            "better: neither, limit: 1",
            "wanted better: lower or higher beside limit or decides",
        ),
    ],
)
def test_a_mistake_in_the_gate_file_is_named(
    folder: None, old: str, new: str, message: str
) -> None:
    assert old in GATE
    Path("gate.yaml").write_text(GATE.replace(old, new, 1))
    with pytest.raises(ValueError, match="^gate.yaml: ") as caught:
        load_rules()
    assert caught.match(message)
