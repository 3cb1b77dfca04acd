"""The metrics: each by its name, to six digits, and those of a line only for a line."""

import numpy as np
import pytest

from plumbline.core.tensors import Line
from stages.evaluate import evaluate

ONE = np.ones((3, 1), np.float32)
UP = np.array([[1], [2], [3]], np.float32)


def metrics(learned: Line | None, true: Line | None) -> dict[str, float]:
    return evaluate((2 * ONE, ONE), (3 * ONE, UP), learned, true)


def test_each_metric_measures_what_its_name_says() -> None:
    assert metrics((0.5, 0.5), (0.3, 0.9)) == {
        "test_mae": 1.0,
        "test_rmse": 1.29099,
        "test_max_error": 2.0,
        "test_r2": -1.5,
        "train_mae": 1.0,
        "weight": 0.5,
        "bias": 0.5,
        "weight_error": 0.2,
        "bias_error": 0.4,
    }


@pytest.mark.parametrize(
    ("learned", "true", "more"),
    [
        (None, None, set()),
        (None, (0.3, 0.9), set()),
        ((0.5, 0.5), None, {"weight", "bias"}),
    ],
)
def test_metrics_of_a_line_are_there_only_if_they_are_known(
    learned: Line | None, true: Line | None, more: set[str]
) -> None:
    always = {"test_mae", "test_rmse", "test_max_error", "test_r2", "train_mae"}
    assert metrics(learned, true).keys() == always | more


def test_metrics_have_six_significant_digits() -> None:
    assert metrics((1234.5678, 0.000123456789), None)["weight"] == 1234.57
    assert metrics((1234.5678, 0.000123456789), None)["bias"] == 0.000123457
