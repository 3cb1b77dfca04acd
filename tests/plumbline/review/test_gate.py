"""The gate closes on what got worse and on limits; the verdict is seldom wrong."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from plumbline.review.gate import (
    Change,
    Measured,
    Metric,
    Pictures,
    Rules,
    Verdict,
    check_names,
    compare,
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


REPEATS = 20
SETS = 1_000
ROWS = 80


def rows(errors: Sequence[float | None], baseline: float = 1.0, held_out: int = 9) -> list[Row]:
    return [Row(i, mae, mae, mae, baseline, held_out) for i, mae in enumerate(errors)]


def verdict_on(base: Sequence[float | None], head: Sequence[float | None]) -> Verdict:
    return compare(rows(base), rows(head))


def share_judged(base: NDArray[np.float64], head: NDArray[np.float64]) -> float:
    """The share of the pairs of validations, each (n, repeats), that are better or worse."""
    words = [verdict_on(*map(list, pair)).word for pair in zip(base, head, strict=True)]
    return sum(word in {"better", "worse"} for word in words) / len(words)


def test_exchangeable_pairs_get_a_verdict_in_at_most_1_percent() -> None:
    random = np.random.default_rng(0)
    base, head = random.lognormal(sigma=0.3, size=(2, 5 * SETS, REPEATS))
    assert share_judged(base, head) <= 0.01


def held_out_mae(x: NDArray[np.float64], y: NDArray[np.float64], cut: int) -> NDArray[np.float64]:
    """The MAE behind the cut of the least-squares lines on the samples before it, over axis -1."""
    x_mean, y_mean = (part[..., :cut].mean(-1, keepdims=True) for part in (x, y))
    x, y = x - x_mean, y - y_mean
    slope = (x * y)[..., :cut].sum(-1, keepdims=True) / (x * x)[..., :cut].sum(-1, keepdims=True)
    mae: NDArray[np.float64] = np.abs(slope * x - y)[..., cut:].mean(-1)
    return mae


def equal_models(shuffle: bool) -> NDArray[np.float64]:
    """The errors of a model that sees x1 and of one that sees x2, (2, SETS, REPEATS).

    y = x1 + x2 + noise, so that neither is better.
    """
    random = np.random.default_rng(1)
    x1, x2, noise = random.standard_normal((3, SETS, ROWS))
    data = np.stack([x1, x2, x1 + x2 + noise])
    errors = np.empty((2, SETS, REPEATS))
    for i in range(REPEATS):
        n = ROWS if shuffle else ROWS - ROWS * i // (2 * REPEATS)
        part = random.permuted(np.broadcast_to(np.arange(ROWS), (SETS, ROWS)), axis=1)
        a, b, y = np.take_along_axis(data, part[None], -1) if shuffle else data[..., :n]
        errors[:, :, i] = [held_out_mae(x, y, round(0.8 * n)) for x in (a, b)]
    return errors


@pytest.mark.parametrize(("shuffle", "at_most"), [(True, 0.08), (False, 0.15)])
def test_a_winner_is_seldom_named_between_two_models_that_are_equally_good(
    shuffle: bool, at_most: float
) -> None:
    base, head = equal_models(shuffle)
    assert share_judged(base, head) <= at_most
    # A sign test at 5 % asks for 15 of 20 rows.
    won = (head < base).sum(axis=1)
    assert 0.25 < np.mean((won >= 15) | (won <= 5)) < 0.45


def test_a_gain_of_20_percent_with_a_deviation_of_10_percent_is_found() -> None:
    random = np.random.default_rng(2)
    base = random.lognormal(sigma=0.3, size=(SETS, REPEATS))
    head = base * random.normal(0.8, 0.1, base.shape)
    words = [verdict_on(list(a), list(b)).word for a, b in zip(base, head, strict=True)]
    assert words.count("better") >= 0.95 * SETS


@pytest.mark.parametrize(
    ("base", "head", "word", "sentence"),
    [
        ([2] * 20, [1] * 20, "better", "Better in 20 of 20 trainings, by half"),
        ([1] * 20, [1.37] * 20, "worse", "Worse in 20 of 20 trainings, by 37%"),
        ([1] * 20, [3] * 20, "worse", "Worse in 20 of 20 trainings, to 3 times the error"),
        (
            [1] * 20,
            [0.8] * 11 + [1.2] * 9,
            "no clear difference",
            "No clear difference: better in 11 of 20 trainings, worse in 9",
        ),
        (
            [1] * 20,
            [0.8] * 11 + [1] * 9,
            "better",
            "Better in 11 of 20 trainings, the same in 9, by 20%",
        ),
        (
            [1] * 20,
            [0.8] * 5 + [1] * 15,
            "no clear difference",
            "No clear difference: better in 5 of 20 trainings, worse in 0, the same in 15",
        ),
        (
            [1] * 20,
            [1] * 20,
            "no clear difference",
            "No clear difference: the same in all 20 trainings",
        ),
        (
            [1] * 20,
            [0.8] * 18 + [1.2] * 2,
            "better",
            "Better in 18 of 20 trainings, worse in 2, by 20%",
        ),
        (
            [1] * 20,
            [0.8] * 17 + [1.2] * 3,
            "no clear difference",
            "No clear difference: better in 17 of 20 trainings, worse in 3",
        ),
        (
            [1] * 20,
            [1] * 12 + [0.8] * 8,
            "no clear difference",
            "No clear difference: better in 8 of 20 trainings, worse in 0, the same in 12",
        ),
        ([1] * 5, [2] * 5, "too few to judge", "Too few to judge: 5 pairs of trainings, 6 needed"),
    ],
)
def test_the_verdict_is_a_word_and_a_sentence(
    base: list[float], head: list[float], word: str, sentence: str
) -> None:
    verdict = verdict_on(base, head)
    assert (verdict.word, verdict.sentence) == (word, sentence)


def test_a_difference_of_one_percent_does_not_count() -> None:
    assert verdict_on([100] * 20, [99.5] * 20).equal == 20
    assert verdict_on([100] * 20, [98.5] * 20).better == 20
    assert verdict_on([0] * 20, [0] * 20).equal == 20
    assert verdict_on([0] * 20, [1e-9] * 20).word == "worse"


def test_a_training_that_diverged_is_worse_than_any_number() -> None:
    sentence = "Worse in 20 of 20 trainings; 20 diverged"
    assert verdict_on([1] * 20, [None] * 20)[:2] == ("worse", sentence)
    assert verdict_on([None] * 20, [1] * 20)[:2] == ("better", "Better in 20 of 20 trainings")
    assert verdict_on([None] * 20, [None] * 20)[2:] == (0, 0, 20, 0)


def test_rows_are_paired_by_their_seed_and_the_rest_is_left_out() -> None:
    base, head = rows([2.0] * 20), rows([1.0] * 10)[::-1]
    assert compare(base, head).sentence == "Better in 10 of 10 trainings, by half"
    assert compare(base[:12], rows([1.0] * 20)[7:]).word == "too few to judge"


def test_other_samples_are_not_compared_and_few_are_not_judged() -> None:
    base = rows([1.0] * 20)
    other = [*rows([2.0] * 19), Row(19, 2, 2, 2, math.nextafter(1, 2), 9)]
    assert compare(base, other).word == "not compared"
    few = rows([2.0] * 20, held_out=4)
    assert compare(base, few).word == compare(few, base).word == "too few to judge"
    assert compare(rows([1.0] * 20, held_out=5), rows([2.0] * 20, held_out=5)).word == "worse"


def test_one_training_only_is_not_judged_on_either_side() -> None:
    some = rows([1.0] * 20)
    for base, head in ((None, some), (some, None), ([], some), (some, []), (None, None)):
        assert compare(base, head).sentence == "Not judged: one training only"
