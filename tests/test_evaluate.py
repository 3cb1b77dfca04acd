"""What evaluate measures, and to how many digits."""

import numpy as np
import pytest

from plumbline.core.tensors import Array
from stages.evaluate import Line, evaluate, learned

ONE = np.ones((3, 1), np.float32)


def metrics(weight: float = 0.5, bias: float = 0.5) -> dict[str, float]:
    return evaluate((2 * ONE, ONE), (3 * ONE, ONE), weight, bias, Line(weight=0.3, bias=0.9))


def test_each_metric_is_of_the_part_and_the_line_that_its_name_says() -> None:
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
def test_the_learned_number_is_found_by_the_end_of_its_name(name: str) -> None:
    state_dict = {name: np.array([[0.25]], np.float32), "bias": np.array([4], np.float32)}
    assert learned(state_dict, "weight", "weights") == 0.25
    assert learned(state_dict, "bias") == 4


@pytest.mark.parametrize(
    "state_dict", [{}, {"weight": ONE}, {"a.weight": ONE[:1], "b.weight": ONE[:1]}]
)
def test_no_such_number_or_several_are_refused(state_dict: dict[str, Array]) -> None:
    with pytest.raises(ValueError, match="^wanted one number that ends in weight, got "):
        learned(state_dict, "weight")
