"""Evaluate returns each known metric to six digits, and prints coefficients and advice."""

import numpy as np
import pytest

from plumbline.core.tensors import Coefficients, Line, Recipe
from plumbline.validation import Repeat
from stages.evaluate import evaluate, print_advice, print_coefficients
from tests.support.models import info_of

Capture = pytest.CaptureFixture[str]
ONE = np.ones((3, 1), np.float32)
UP = np.array([[1], [2], [6]], np.float32)
ALWAYS = {"test_mae": 2.33333, "test_rmse": 2.38048, "test_max_error": 3.0, "test_r2": -0.214286,
          "train_mae": 0.5, "baseline_mae": 2.0, "validation_mae": 4.0, "validation_mae_q1": 4.0,
          "validation_mae_q3": 4.0, "validation_baseline_mae": 9.0}  # fmt: skip


@pytest.mark.parametrize(
    ("learned", "true", "more"),
    [
        (None, (0.3, 0.9), {}),
        ((1234.5678, 0.000123456789), None, {"weight": 1234.57, "bias": 0.000123457}),
        ((0.5, 0.5), (0.3, 0.9),
         {"weight": 0.5, "bias": 0.5, "weight_error": 0.2, "bias_error": 0.4}),
    ],
)  # fmt: skip
def test_each_metric_has_six_digits_and_is_returned_only_if_it_is_known(
    learned: Line | None, true: Line | None, more: dict[str, float]
) -> None:
    repeated = [Repeat(0, 4.0, 1.0, 5.0, 9.0, 5)]
    assert evaluate((1.5 * ONE, ONE), (4 * ONE, UP), learned, true, repeated) == ALWAYS | more


def test_advice_is_printed_if_a_constant_predicts_as_well_as_the_model(capsys: Capture) -> None:
    print_advice({"test_mae": 0.6, "baseline_mae": 0.7, "validation_mae": 1, "train_mae": 9})
    print_advice({"validation_mae": 0.68761, "validation_baseline_mae": 0.68761})
    (said,) = capsys.readouterr().out.splitlines()
    assert said.startswith("advice: validation_mae is 0.68761, and predicting the training")


def test_the_coefficients_of_several_features_are_printed_by_name(capsys: Capture) -> None:
    for weights in [1.5], [1.5, -20000000]:
        recipe = Recipe("linear", len(weights), {}, standardize=False)
        print_coefficients(info_of(recipe, Coefficients(weights, bias=0.1)))
    _, *lines = capsys.readouterr().out.splitlines()  # a single feature prints nothing
    assert [line.split() for line in lines] == [["x0", "1.5"], ["x1", "-2e+07"], ["bias", "0.1"]]
