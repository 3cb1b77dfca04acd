"""The verdict is seldom wrong and finds what is there; the gate closes on it and on limits."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from plumbline.review.diffs import check_names
from plumbline.review.gate import (
    Change,
    Measured,
    Metric,
    Pictures,
    Rules,
    Verdict,
    changed,
    compare,
    decisions,
    failures,
    judge,
    load_rules,
)
from plumbline.validation import Repeat
from tests.support.exercise import GATE, pipeline

REPEATS, SETS, ROWS = 20, 1_000, 80
LOWER = Metric(better="lower", tolerance=0.1, limit=2, decides=True)
HIGHER = Metric(better="higher", tolerance=0.1, limit=0.5)
SHOWN = Metric(better="lower", tolerance=0.1, limit=2)


def rows(errors: Sequence[float | None], baseline: float = 9.0, held_out: int = 9) -> list[Repeat]:
    return [Repeat(i, mae, mae, mae, baseline, held_out) for i, mae in enumerate(errors)]


def verdict_on(base: Sequence[float | None], head: Sequence[float | None]) -> Verdict:
    return compare(rows(base), rows(head))


def share_judged(base: NDArray[np.float64], head: NDArray[np.float64]) -> float:
    """The fraction of the pairs of validations, each (n, repeats), that are better or worse."""
    words = [verdict_on(*map(list, pair)).word for pair in zip(base, head, strict=True)]
    return sum(word in {"better", "worse"} for word in words) / len(words)


def test_exchangeable_pairs_get_a_verdict_in_at_most_1_percent() -> None:
    random = np.random.default_rng(0)
    assert share_judged(*random.lognormal(sigma=0.3, size=(2, 2 * SETS, REPEATS))) <= 0.01


def test_a_gain_of_20_percent_with_a_deviation_of_10_percent_is_found() -> None:
    random = np.random.default_rng(2)
    base = random.lognormal(sigma=0.3, size=(SETS, REPEATS))
    assert share_judged(base, base * random.normal(0.8, 0.1, base.shape)) >= 0.95


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


FROM_2 = "; the median error went from 2 to"
NO = "No clear difference:"


@pytest.mark.parametrize(
    ("base", "head", "sentence"),
    [
        ([2] * 20, [1] * 20, f"Better in 20 of 20 trainings{FROM_2} 1"),
        ([2] * 20, [3] * 20, f"Worse in 20 of 20 trainings{FROM_2} 3"),
        # The median of the pairs halves, and that of all errors does not.
        ([2, 2, 2, 8, 8, 8, 8], [1, 1, 1, 4, 4, 4, 4],
         "Better in 7 of 7 trainings; the median error went from 8 to 4"),
        ([2] * 20, [1] * 11 + [2] * 9, f"Better in 11 of 20 trainings, the same in 9{FROM_2} 1"),
        ([2] * 20, [1] * 18 + [3] * 2, f"Better in 18 of 20 trainings, worse in 2{FROM_2} 1"),
        ([2] * 20, [1] * 17 + [3] * 3, f"{NO} better in 17 of 20 trainings, worse in 3"),
        ([2] * 20, [1] * 5 + [2] * 15, f"{NO} better in 5 of 20 trainings, the same in 15"),
        # The median of all pairs did not move.
        ([2] * 20, [2] * 12 + [1] * 8, f"{NO} better in 8 of 20 trainings, the same in 12"),
        ([2] * 20, [2] * 20, f"{NO} the same in 20 of 20 trainings"),
        # A difference of 1 % does not count.
        ([100] * 20, [99.5] * 20, f"{NO} the same in 20 of 20 trainings"),
        ([100] * 20, [98.5] * 20,
         "Better in 20 of 20 trainings; the median error went from 100 to 98.5"),
        ([0] * 20, [1e-9] * 20,
         "Worse in 20 of 20 trainings; the median error went from 0 to 1e-09"),
        # A training that diverged is worse than any number.
        ([2] * 20, [None] * 20, "Worse in 20 of 20 trainings; 20 diverged"),
        ([None] * 20, [2] * 20, "Better in 20 of 20 trainings"),
        ([None] * 20, [None] * 20, f"{NO} the same in 20 of 20 trainings; 20 diverged"),
        ([2] * 5, [1] * 5, "Too few to judge: 5 pairs of trainings, 6 needed"),
        ([2] * 20, [], "Not judged: one training only"),
        ([], [2] * 20, "Not judged: one training only"),
    ],
)  # fmt: skip
def test_the_verdict_is_a_word_and_a_sentence(
    base: list[float], head: list[float], sentence: str
) -> None:
    verdict = verdict_on(base, head)
    assert verdict.sentence == sentence
    assert sentence.lower().startswith(verdict.word)
    assert compare(rows(base) or None, rows(head) or None) == verdict


def test_rows_are_paired_by_their_seed_and_the_rest_is_left_out() -> None:
    base, head = rows([2.0] * 20), rows([1.0] * 10)[::-1]
    assert compare(base, head)[2:] == (10, 0, 0)
    assert compare(base[:12], rows([1.0] * 20)[7:]).word == "too few to judge"


def test_other_samples_are_not_compared_and_few_are_not_judged() -> None:
    base = rows([1.0] * 20)
    other = [*base[:-1], base[-1]._replace(baseline_mae=math.nextafter(9, 10))]
    assert compare(base, other).word == "not compared"
    few = rows([2.0] * 20, held_out=4)
    assert compare(base, few).sentence == "Too few to judge: 4 held-out samples, 5 needed"
    assert compare(few, base).word == "too few to judge"
    assert compare(rows([1.0] * 20, held_out=5), rows([2.0] * 20, held_out=5)).word == "worse"


def rules(**metrics: Metric) -> Rules:
    return Rules(metrics=metrics, pictures=Pictures(tolerance=0))


def measured(old: Any, new: Any, **others: tuple[Any, Any]) -> Measured:
    """One training with a metric x and others."""
    both = {"x": (old, new), **others}
    return Measured([Change(name, *values) for name, values in both.items()], None, None)


@pytest.mark.parametrize(
    ("metric", "old", "new", "word"),
    [
        (LOWER, 1.0, 0.5, "better"),
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


WORSE = "x: Worse, by one training:"
LIMIT = "x is beyond its limit:"


@pytest.mark.parametrize(
    ("metric", "found", "lines"),
    [
        (LOWER, measured(1.0, 1.5), [f"{WORSE} 1.0 -> 1.5"]),
        (LOWER, measured(3.0, 2.5), [f"{LIMIT} 2.5 (limit 2)"]),
        (LOWER, measured(None, 2.5), [f"{LIMIT} 2.5 (limit 2)"]),
        (LOWER, measured(1.0, 2.0), [f"{WORSE} 1.0 -> 2.0"]),
        (LOWER, measured(2.0, 1.0), []),
        # Other samples are not compared, but the limit counts.
        (LOWER, measured(1.0, 1.5, baseline_mae=(3, 4)), []),
        (LOWER, measured(1.0, 2.5, baseline_mae=(3, 4)), [f"{LIMIT} 2.5 (limit 2)"]),
        (LOWER, measured(1.0, 1.5, baseline_mae=(None, 4)), [f"{WORSE} 1.0 -> 1.5"]),
        (HIGHER, measured(1.0, 0.25), [f"{LIMIT} 0.25 (limit 0.5)"]),
        # A metric that does not decide fails by its limit alone.
        (SHOWN, measured(1.0, 1.5), []),
        (SHOWN, measured(1.0, math.nan), [f"{LIMIT} nan (limit 2)"]),
        (SHOWN, measured(1.0, math.inf), [f"{LIMIT} inf (limit 2)"]),
        (SHOWN, measured(1.0, None), []),
    ],
)
def test_the_gate_closes_on_what_is_worse_and_on_limits_and_names_the_metric(
    metric: Metric, found: Measured, lines: list[str]
) -> None:
    assert failures(rules(x=metric), found) == lines


def test_a_metric_that_is_gone_closes_the_gate_also_for_other_samples() -> None:
    (gone,) = failures(rules(x=LOWER), measured(1.0, None, baseline_mae=(3, 4)))
    assert gone.startswith(f"{WORSE} 1.0 -> None (wanted a finite number; ")


def test_the_validation_is_judged_by_its_rows_also_for_other_testing_samples() -> None:
    metrics = [Change("validation_mae", 1.0, 1.5), Change("baseline_mae", 3, 4)]
    found = Measured(metrics, rows([1.0] * 9), rows([1.5] * 9))
    (line,) = failures(rules(validation_mae=LOWER), found)
    assert line.startswith("validation_mae: Worse in 9 of 9 trainings")
    missing = Measured(metrics, None, rows([1.5] * 9))
    assert failures(rules(validation_mae=LOWER), missing) == []
    assert decisions(rules(validation_mae=LOWER), missing)["validation_mae"].word == "not judged"


def test_a_median_of_trainings_that_diverged_is_beyond_every_limit() -> None:
    found = Measured([], None, rows([None] * 9))
    (line,) = failures(rules(validation_mae=LOWER), found)
    assert line == "validation_mae is beyond its limit: inf (limit 2)"


def test_a_metric_has_changed_if_both_revisions_have_it_and_it_differs() -> None:
    devices = [Change("error", 1, 1), Change("device", "cpu", "cuda")]
    assert changed(devices, "device") == devices[1]
    for old, new in (("cpu", "cpu"), (None, "cuda"), ("cuda", None)):
        assert changed([Change("device", old, new)], "device") is None


def test_a_rule_for_a_metric_that_a_stage_may_leave_out_is_passed_over(folder: Path) -> None:
    (folder / "dvc.yaml").write_text(pipeline())
    (folder / "stages").mkdir()
    (folder / "stages" / "evaluate.py").write_text('metrics |= {"weight": learned[0]}\n')
    some = rules(weight=LOWER, x=LOWER)
    check_names(some, [Change("x", 1.0, 1.0)])
    assert list(decisions(some, measured(1.0, 1.0))) == ["x"]
    for typo, cure in (("wieght", "did you mean weight?"), ("qqq", "remove the rule")):
        said = f"gate.yaml: {typo}: no revision and no stage has such a metric; {cure}$"
        with pytest.raises(ValueError, match=said.replace("?", r"\?")):
            check_names(rules(**{typo: LOWER}), [Change("x", 1.0, 1.0)])


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
        ("    decides: true\n", "", "wanted decides: true for at least one metric, got none"),
        ("better: neither", "better: neither, limit: 1", "wanted better: lower or higher beside "),
        ("test_mae: {", "test_mae: {limit: 1, ", "test_mae: wanted no limit and no decides, "),
        ("test_mae: {", "test_mae: {decides: true, ", "test it; move them to validation_mae"),
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
