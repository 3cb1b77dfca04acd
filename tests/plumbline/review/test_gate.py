"""The verdict is seldom wrong and detects real gains; it and the limits close the gate."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from plumbline import history, validation
from plumbline.review import gate
from plumbline.review.gate import Metric, Pictures, Rules
from plumbline.review.git import HERE
from plumbline.review.measured import Measured, measure, read_values
from plumbline.validation import Repeat
from tests.support.exercise import GATE, pipeline

REPEATS, SETS, ROWS = 20, 1_000, 80
LOWER = Metric(better="lower", tolerance=0.1, limit=2, decides=True)
HIGHER = Metric(better="higher", tolerance=0.1, limit=0.5, decides=True)
SHOWN = Metric(better="lower", tolerance=0.1, limit=2)


def rows(errors: Sequence[float | None], baseline: float = 9.0, held_out: int = 9) -> list[Repeat]:
    return [Repeat(i, mae, mae, mae, baseline, held_out) for i, mae in enumerate(errors)]


def fraction_judged(base: NDArray[np.float64], head: NDArray[np.float64]) -> float:
    """The fraction of n pairs of validations judged better or worse; base, head: (n, repeats)."""
    words = [gate.compare(rows(a), rows(b)).word for a, b in zip(base, head, strict=True)]
    return sum(word in {"better", "worse"} for word in words) / len(words)


def test_chance_seldom_makes_a_winner_and_a_gain_of_20_percent_is_almost_always_found() -> None:
    random = np.random.default_rng(0)
    base, other = random.lognormal(sigma=0.3, size=(2, SETS, REPEATS))
    assert fraction_judged(base, other) <= 0.01
    assert fraction_judged(base, base * random.normal(0.8, 0.1, base.shape)) >= 0.95


def held_out_mae(x: NDArray[np.float64], y: NDArray[np.float64], cut: int) -> NDArray[np.float64]:
    """Fits least-squares lines to the x, y before `cut` on axis -1; returns the MAE on the rest."""
    x_mean, y_mean = (part[..., :cut].mean(-1, keepdims=True) for part in (x, y))
    x, y = x - x_mean, y - y_mean
    slope = (x * y)[..., :cut].sum(-1, keepdims=True) / (x * x)[..., :cut].sum(-1, keepdims=True)
    mae: NDArray[np.float64] = np.abs(slope * x - y)[..., cut:].mean(-1)
    return mae


@pytest.mark.parametrize(("shuffle", "at_most"), [(True, 0.08), (False, 0.15)])
def test_the_verdict_seldom_names_a_winner_between_two_equally_good_models(
    shuffle: bool, at_most: float
) -> None:
    """With y = x1 + x2 + noise, one model has only x1 and the other only x2: neither is better."""
    random = np.random.default_rng(1)
    x1, x2, noise = random.standard_normal((3, SETS, ROWS))
    data = np.stack([x1, x2, x1 + x2 + noise])
    errors = np.empty((2, SETS, REPEATS))
    for i in range(REPEATS):
        n = ROWS if shuffle else ROWS - ROWS * i // (2 * REPEATS)
        part = random.permuted(np.broadcast_to(np.arange(ROWS), (SETS, ROWS)), axis=1)
        a, b, y = np.take_along_axis(data, part[None], -1) if shuffle else data[..., :n]
        errors[:, :, i] = [held_out_mae(x, y, round(0.8 * n)) for x in (a, b)]
    assert fraction_judged(*errors) <= at_most
    # A sign test at 5 % requires 15 of 20 rows, and names a winner far more often.
    won = (errors[1] < errors[0]).sum(axis=1)
    assert 0.25 < np.mean((won >= 15) | (won <= 5)) < 0.45


FROM_2 = "; the median error went from 2 to"
NO = "No clear difference:"


@pytest.mark.parametrize(
    ("base", "head", "sentence"),
    [
        ([2, 2, 2, 8, 8, 8, 8], [1, 1, 1, 4, 4, 4, 4],
         "Better in 7 of 7 trainings; the median error went from 8 to 4"),
        ([2] * 20, [1] * 18 + [3] * 2, f"Better in 18 of 20 trainings, worse in 2{FROM_2} 1"),
        ([2] * 20, [3] * 18 + [1] * 2, f"Worse in 18 of 20 trainings, better in 2{FROM_2} 3"),
        ([2] * 20, [1] * 17 + [3] * 3, f"{NO} better in 17 of 20 trainings, worse in 3"),
        ([2] * 20, [3] * 17 + [1] * 3, f"{NO} better in 3 of 20 trainings, worse in 17"),
        ([2] * 8, [1] * 6 + [2] * 2, f"Better in 6 of 8 trainings, the same in 2{FROM_2} 1"),
        ([2] * 8, [1] * 5 + [2] * 3, f"{NO} better in 5 of 8 trainings, the same in 3"),
        # The median change of all pairs is 0.
        ([2] * 20, [2] * 12 + [1] * 8, f"{NO} better in 8 of 20 trainings, the same in 12"),
        ([2] * 20, [2] * 12 + [3] * 8, f"{NO} worse in 8 of 20 trainings, the same in 12"),
        ([1] * 6 + [9] * 5 + [5] * 9, [1] * 6 + [9] * 5 + [1] * 9,
         f"{NO} better in 9 of 20 trainings, the same in 11"),
        # Errors that differ by less than 1 % are equal.
        ([100] * 20, [99.5] * 20, f"{NO} the same in 20 of 20 trainings"),
        ([23321.7] * 6, [22999] * 6,
         "Better in 6 of 6 trainings; the median error went from 23320 to 23000"),
        ([0] * 6, [1] * 6, "Worse in 6 of 6 trainings; the median error went from 0 to 1"),
        # A training that diverged is worse than any number.
        ([2] * 20, [None] * 20, "Worse in 20 of 20 trainings; 20 diverged"),
        ([None] * 20, [2] * 20, "Better in 20 of 20 trainings"),
        ([None] * 20, [None] * 20, f"{NO} the same in 20 of 20 trainings; 20 diverged"),
        ([2] * 5, [1] * 5, "Too few to judge: 5 pairs of trainings, 6 needed"),
        ([2] * 20, [], "Not judged: one training only"),
    ],
)  # fmt: skip
def test_the_sentence_of_a_verdict_begins_with_its_word(
    base: list[float], head: list[float], sentence: str
) -> None:
    verdict = gate.compare(rows(base), rows(head) or None)
    assert verdict.sentence == sentence
    assert sentence.lower().startswith(verdict.word)


def test_rows_are_paired_by_their_seed_if_they_have_the_same_samples() -> None:
    base, head = rows([2.0] * 20), rows([1.0] * 10)[::-1]
    assert gate.compare(base, head)[2:] == (10, 0, 0)
    assert gate.compare(base[:12], rows([1.0] * 20)[7:]).word == "too few to judge"
    more = [*base[:10], *rows([0.5] * 20)[10:]]
    assert gate.compare(more, head).sentence.endswith("the median error went from 2 to 1")
    other = [*head[:-1], head[-1]._replace(baseline_mae=math.nextafter(9, 10))]
    assert gate.compare(base, other).word == "not compared"
    few = "Too few to judge: 4 held-out samples, 5 needed"
    assert gate.compare(rows([2.0] * 20, held_out=4), base).sentence == few
    assert gate.compare(rows([3.0] * 20, held_out=5), base).word == "better"


def rules(**metrics: Metric) -> Rules:
    return Rules(metrics=metrics, pictures=Pictures(tolerance=0))


def sides(**metrics: tuple[Any, Any]) -> tuple[Measured, Measured]:
    """Two revisions with one training and these metrics; None for a metric that is missing."""
    base, head = (
        {name: pair[i] for name, pair in metrics.items() if pair[i] is not None} for i in (0, 1)
    )
    return Measured(base), Measured(head)


WORSE, LIMIT = "x: Worse, by one training: ", "x is beyond its limit: "


@pytest.mark.parametrize(
    ("metric", "old", "new", "baseline", "word", "starts"),
    [
        (LOWER, 1.0, 0.5, 3, "better", []),
        (HIGHER, 0.5, 1.0, 3, "better", []),
        (LOWER, 1.0, 1.0625, 3, "no clear difference", []),
        (LOWER, 1.0, 1.125, 3, "worse", [f"{WORSE}1.0 -> 1.125"]),
        (LOWER, 2.0, 2.0, 3, "no clear difference", []),
        (HIGHER, 1.0, 0.25, 3, "worse", [f"{WORSE}1.0 -> 0.25", f"{LIMIT}0.25 (limit 0.5)"]),
        (LOWER, None, 2.5, 3, "not judged", [f"{LIMIT}2.5 (limit 2)"]),
        (LOWER, math.nan, 1.0, 3, "not judged", []),
        (HIGHER, 1.0, math.inf, 3, "worse", [f"{WORSE}1.0 -> inf (wanted a finite number; "]),
        (LOWER, 1.0, True, 3, "worse", [f"{WORSE}1.0 -> True"]),
        (LOWER, 1.0, "0.5", 3, "worse", [f"{WORSE}1.0 -> 0.5"]),
        # Different samples are not compared, but a limit or a missing metric still closes the gate.
        (LOWER, 1.0, 2.5, 4, "not compared", [f"{LIMIT}2.5 (limit 2)"]),
        (LOWER, 1.0, None, 4, "worse", [f"{WORSE}1.0 -> None (wanted a finite number; "]),
        # A metric that does not decide closes the gate only by its limit.
        (SHOWN, 1.0, 1.5, 3, None, []),
        (SHOWN, 1.0, math.nan, 3, None, [f"{LIMIT}nan (limit 2)"]),
    ],
)
def test_the_gate_closes_on_a_metric_that_is_worse_or_beyond_its_limit(
    metric: Metric, old: Any, new: Any, baseline: int, word: str | None, starts: list[str]
) -> None:
    base, head = sides(x=(old, new), baseline_mae=(3, baseline))
    verdicts = gate.decisions(rules(x=metric), base, head)
    assert [verdict.word for verdict in verdicts.values()] == ([word] if word else [])
    lines = gate.failures(rules(x=metric), base, head)
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts


def test_the_validation_is_judged_by_its_rows_even_if_the_testing_samples_differ() -> None:
    judged, (base, head) = rules(validation_mae=LOWER), sides(baseline_mae=(3, 4))
    worse = head._replace(repeats=rows([1.5] * 9), metrics={"validation_mae": 1.5})
    (line,) = gate.failures(judged, base._replace(repeats=rows([1.0] * 9)), worse)
    assert line.startswith("validation_mae: Worse in 9 of 9 trainings")
    assert gate.failures(judged, base, worse) == []
    assert gate.decisions(judged, base, worse)["validation_mae"].word == "not judged"
    # If half of the trainings diverge, the median is infinite and not among the metrics.
    (line,) = gate.failures(judged, base, head._replace(repeats=rows([None] * 9)))
    assert line == "validation_mae is beyond its limit: inf (limit 2)"


def test_the_name_of_a_metric_contains_its_sections_and_its_value_is_a_number_or_text(
    folder: Path,
) -> None:
    text = "stages: {a: {metrics: [m.json, n.yaml, none.json]}}"
    (folder / "dvc.yaml").write_text(text)
    (folder / "m.json").write_text('{"a": {"b": 1, "c": {"d": NaN}}, "e": null, "f": [1]}')
    (folder / "n.yaml").write_text("g: 1e-3\nh: cpu\n")
    metrics = measure(HERE, "").metrics
    assert (
        repr(sorted(metrics.items())) == "[('a.b', 1), ('a.c.d', nan), ('g', 0.001), ('h', 'cpu')]"
    )
    (folder / "n.yaml").write_text("")
    assert read_values(HERE, "", "n.yaml") == {}
    for wrong in ("[1]", "", "{"):
        (folder / "m.json").write_text(wrong)
        with pytest.raises(ValueError, match=r"^m\.json: "):
            read_values(HERE, "", "m.json")


def test_a_plot_is_read_as_a_history_or_a_validation_only_if_its_columns_match_exactly(
    folder: Path,
) -> None:
    (folder / "dvc.yaml").write_text("stages: {a: {plots: [own.csv, h.csv, v.csv]}}")
    (folder / "own.csv").write_text("epoch,train_loss,test_loss,accuracy\n0,1,1,high\n")
    assert measure(HERE, "") == Measured({})
    history.save(folder / "h.csv", [history.Epoch(0, 2.0, 1.0)])
    validation.save(folder / "v.csv", [])
    assert measure(HERE, "") == Measured({}, [], [history.Epoch(0, 2.0, 1.0)])


def test_a_rule_for_a_metric_that_a_stage_may_leave_out_is_ignored(folder: Path) -> None:
    (folder / "dvc.yaml").write_text(pipeline())
    (folder / "stages").mkdir()
    (folder / "stages" / "evaluate.py").write_text('metrics |= {"weight": learned[0]}\n')
    some = rules(weight=LOWER, x=LOWER)
    gate.check_names(some, ["x"])
    assert list(gate.decisions(some, *sides(x=(1.0, 1.0)))) == ["x"]
    for typo, cure in (("wieght", "did you mean weight?"), ("qqq", "remove the rule")):
        said = f"gate.yaml: {typo}: no revision and no stage has this metric; {cure}$"
        with pytest.raises(ValueError, match=said.replace("?", r"\?")):
            gate.check_names(rules(**{typo: LOWER}), ["x"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("metrics:", "metric:", "missing required field `metrics`|unknown field `metric`"),
        ("    limit:", "    limit: .inf #", "validation_mae: Expected `float` <= 3.4"),
        ("mae_q1: {", "mae_q1: {decides: true, ", "validation_mae_q1: wanted no decides; only "),
        ("    limit:", "    limitt:", r"validation_mae: Object contains unknown field `limitt`$"),
        ("better: lower", "better: higher", "validation_mae: wanted better: lower"),
        ("tolerance: 1e-6", "tolerance: -1", "Expected `float` >= 0.0"),
        ("pictures:", "picture:", "missing required field `pictures`|unknown field `picture`"),
        ("    decides: true\n", "", "wanted decides: true for at least one metric, got none"),
        ("better: neither", "better: neither, limit: 1", "wanted better: lower or higher, "),
        ("test_mae: {", "test_mae: {limit: 1, ", "test_mae: wanted no limit and no decides, "),
        ("test_mae: {", "test_mae: {decides: true, ", "test it; move these keys to validation_mae"),
    ],
)
def test_the_error_for_a_mistake_in_gate_yaml_names_it(
    folder: None, old: str, new: str, message: str
) -> None:
    assert old in GATE
    Path("gate.yaml").write_text(GATE.replace(old, new, 1))
    with pytest.raises(ValueError, match="^gate.yaml: ") as caught:
        gate.load_rules()
    assert caught.match(message)
