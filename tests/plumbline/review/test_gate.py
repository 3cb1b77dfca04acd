"""The gate closes on what got worse and on limits, and on nothing else."""

import math
import re
from pathlib import Path
from typing import Any

import pytest

from plumbline.review.gate import (
    Change,
    Measured,
    Metric,
    Pictures,
    Rules,
    check_names,
    decisions,
    failures,
    judge,
    load_rules,
)
from plumbline.validation import Row
from tests.support.exercise import GATE, pipeline

LOWER = Metric(better="lower", tolerance=0.1, limit=2, decides=True)
HIGHER = Metric(better="higher", tolerance=0.1, limit=0.5)
REPEATED = "validation_mae"
TEN = [Row(i, 1, 1, 1, 2, 9) for i in range(10)]
WORSE = [row._replace(mae=1.5) for row in TEN]


def rules(**metrics: Metric) -> Rules:
    return Rules(metrics=metrics, pictures=Pictures(tolerance=0))


def measured(name: str, old: Any, new: Any, same_data: bool = True) -> Measured:
    return Measured([Change(name, old, new)], same_data, None, None)


@pytest.mark.parametrize(
    ("metric", "old", "new", "word"),
    [
        (LOWER, 1.0, 0.5, "better"),
        (LOWER, 0.5, 1.0, "worse"),
        (HIGHER, 0.5, 1.0, "better"),
        (HIGHER, 1.0, 0.5, "worse"),
        (LOWER, 1.0, 1.0625, "no clear difference"),
        (LOWER, 1.0, 1.125, "worse"),
        (HIGHER, 1.0, 0.9375, "no clear difference"),
        (LOWER, None, 1.0, "not judged"),
        (LOWER, math.nan, 1.0, "not judged"),
        (LOWER, 1.0, None, "worse"),
        (LOWER, 1.0, math.nan, "worse"),
        (HIGHER, 1.0, math.inf, "worse"),
        (LOWER, 1.0, "0.5", "worse"),
        (LOWER, 1.0, True, "worse"),
    ],
)
def test_a_metric_of_one_training_is_judged_by_its_direction_and_its_tolerance(
    metric: Metric, old: Any, new: Any, word: str
) -> None:
    assert judge(metric, old, new).word == word
    assert f", by one training: {old} -> {new}" in judge(metric, old, new).sentence


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (1.0, 1.5, ["x: Worse, by one training: 1.0 -> 1.5"]),
        (3.0, 2.5, ["x is beyond its limit: 2.5 (limit 2)"]),
        (None, 2.5, ["x is beyond its limit: 2.5 (limit 2)"]),
        (1.0, 2.0, ["x: Worse, by one training: 1.0 -> 2.0"]),
        (2.0, 1.0, []),
    ],
)
def test_each_failure_names_its_metric(old: Any, new: Any, lines: list[str]) -> None:
    assert failures(rules(x=LOWER), measured("x", old, new)) == lines


def test_a_metric_that_does_not_decide_fails_by_its_limit_alone() -> None:
    shown = rules(x=Metric(better="lower", tolerance=0.1, limit=2))
    assert failures(shown, measured("x", 1.0, 1.5)) == []
    for beyond in (2.5, math.nan, math.inf):
        (line,) = failures(shown, measured("x", 1.0, beyond))
        assert line == f"x is beyond its limit: {beyond:g} (limit 2)"


def test_metrics_of_other_data_fail_by_their_limit_or_if_they_are_gone() -> None:
    assert failures(rules(x=LOWER), measured("x", 1.0, 1.5, same_data=False)) == []
    (limit,) = failures(rules(x=LOWER), measured("x", 1.0, 2.5, same_data=False))
    assert limit == "x is beyond its limit: 2.5 (limit 2)"
    (gone,) = failures(rules(x=LOWER), measured("x", 1.0, None, same_data=False))
    assert gone.startswith("x: Worse, by one training: 1.0 -> None (wanted a finite number; ")


def test_the_validation_is_judged_by_its_rows_also_of_other_testing_samples() -> None:
    found = Measured([Change(REPEATED, 1.0, 1.5)], False, TEN, WORSE)
    assert failures(rules(validation_mae=LOWER), found) == [
        f"{REPEATED}: Worse in 10 of 10 trainings, by half"
    ]


@pytest.mark.parametrize(("base", "head"), [(TEN, None), (None, WORSE), ([], WORSE), (None, None)])
def test_a_validation_that_is_missing_is_not_judged_and_closes_nothing(
    base: list[Row] | None, head: list[Row] | None
) -> None:
    numbers = (1.0 if base else None, 1.5 if head else None)
    found = Measured([Change(REPEATED, *numbers)], True, base, head)
    assert failures(rules(validation_mae=LOWER), found) == []
    assert decisions(rules(validation_mae=LOWER), found)[REPEATED].word == "not judged"


def test_a_median_of_trainings_that_diverged_is_beyond_every_limit() -> None:
    head = [row._replace(mae=None) for row in TEN]
    found = Measured([], True, None, head)
    assert failures(rules(validation_mae=LOWER), found) == [
        f"{REPEATED} is beyond its limit: inf (limit 2)"
    ]


def test_a_rule_for_a_metric_that_a_stage_may_leave_out_is_passed_over(folder: Path) -> None:
    (folder / "dvc.yaml").write_text(pipeline())
    (folder / "stages").mkdir()
    (folder / "stages" / "evaluate.py").write_text('metrics |= {"weight": learned[0]}\n')
    some = rules(weight=LOWER, x=LOWER, validation_mae_q1=LOWER)
    check_names(some, [Change("x", 1.0, 1.0)])
    assert list(decisions(some, measured("x", 1.0, 1.0))) == ["x"]
    for typo, cure in (("wieght", "did you mean weight?"), ("qqq", "remove the rule")):
        with pytest.raises(
            ValueError, match=re.escape(f"{typo}: no revision and no stage has ")
        ) as e:
            check_names(rules(**{typo: LOWER}), [Change("x", 1.0, 1.0)])
        assert str(e.value).endswith(cure)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    limit:", "    limitt:", r"validation_mae: Object contains unknown field `limitt`$"),
        ("better: lower", "better: less", "validation_mae: Invalid enum value 'less'"),
        ("better: lower", "better: higher", "validation_mae: wanted better: lower"),
        ("tolerance: 1e-6", "tolerance: small", "validation_mae: Expected `float`, got `str`"),
        ("tolerance: 1e-6", "tolerance: -1", "Expected `float` >= 0.0"),
        ("pictures:", "picture:", "missing required field `pictures`|unknown field `picture`"),
        ("metrics:", "metrics: [", "gate.yaml"),
        ("    decides: true\n", "", "gate.yaml: wanted decides: true for a metric at least"),
        (
            "better: neither",
            "better: neither, limit: 1",
            "wanted better: lower or higher beside limit or decides",
        ),
        ("test_mae: {", "test_mae: {limit: 1, ", "test_mae: wanted no limit and no decides, "),
        (
            "test_mae: {",
            "test_mae: {decides: true, ",
            "cannot test it; move them to validation_mae",
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
