"""The verdict on a change is seldom wrong, finds what is there, and says both sides."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from plumbline.review.verdict import Verdict, compare
from plumbline.validation import Row

REPEATS = 20
SETS = 1_000
ROWS = 80


def rows(errors: Sequence[float | None], baseline: float = 1.0, held_out: int = 9) -> list[Row]:
    return [Row(i, mae, mae, mae, baseline, held_out) for i, mae in enumerate(errors)]


def judge(base: Sequence[float | None], head: Sequence[float | None]) -> Verdict:
    return compare(rows(base), rows(head))


def share_judged(base: NDArray[np.float64], head: NDArray[np.float64]) -> float:
    """The share of the pairs of validations, each (n, repeats), that are better or worse."""
    words = [judge(*map(list, pair)).word for pair in zip(base, head, strict=True)]
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
    words = [judge(list(a), list(b)).word for a, b in zip(base, head, strict=True)]
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
    verdict = judge(base, head)
    assert (verdict.word, verdict.sentence) == (word, sentence)


def test_a_difference_of_one_percent_does_not_count() -> None:
    assert judge([100] * 20, [99.5] * 20).equal == 20
    assert judge([100] * 20, [98.5] * 20).better == 20
    assert judge([0] * 20, [0] * 20).equal == 20
    assert judge([0] * 20, [1e-9] * 20).word == "worse"


def test_a_training_that_diverged_is_worse_than_any_number() -> None:
    sentence = "Worse in 20 of 20 trainings; 20 diverged"
    assert judge([1] * 20, [None] * 20)[:2] == ("worse", sentence)
    assert judge([None] * 20, [1] * 20)[:2] == ("better", "Better in 20 of 20 trainings")
    assert judge([None] * 20, [None] * 20)[2:] == (0, 0, 20, 0)


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
