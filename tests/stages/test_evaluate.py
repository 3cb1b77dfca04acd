"""Each metric has the right name and six significant digits."""

import numpy as np
import pytest

from plumbline.core.tensors import Array
from stages.evaluate import TrueLine, evaluate, find_number

ONE = np.ones((3, 1), np.float32)


def metrics(weight: float = 0.5, bias: float = 0.5) -> dict[str, float]:
    return evaluate((2 * ONE, ONE), (3 * ONE, ONE), weight, bias, TrueLine(weight=0.3, bias=0.9))


def test_each_metric_measures_what_its_name_says() -> None:
    assert metrics() == {
        "test_mae": 2.0,
        "test_rmse": 2.0,
        "test_max_error": 2.0,
        "train_mae": 1.0,
        "weight": 0.5,
        "bias": 0.5,
        "weight_error": 0.2,
        "bias_error": 0.4,
    }


def test_metrics_have_six_significant_digits() -> None:
    assert metrics(weight=1234.5678)["weight"] == 1234.57
    assert metrics(weight=0.000123456789)["weight"] == 0.000123457


@pytest.mark.parametrize("name", ["linear_layer.weight", "weights"])
def test_the_weight_and_bias_are_found_by_the_end_of_their_names(name: str) -> None:
    state_dict = {name: np.array([[0.25]], np.float32), "bias": np.array([4], np.float32)}
    assert find_number(state_dict, "weight", "weights") == 0.25
    assert find_number(state_dict, "bias") == 4


@pytest.mark.parametrize(
    "state_dict", [{}, {"weight": ONE}, {"a.weight": ONE[:1], "b.weight": ONE[:1]}]
)
def test_a_missing_or_ambiguous_weight_is_refused(state_dict: dict[str, Array]) -> None:
    with pytest.raises(ValueError, match="^wanted one number that ends in weight, got "):
        find_number(state_dict, "weight")
