"""The models are the exercise's, and a line predicts the points of its weight and bias."""

import numpy as np
import pytest
import torch

from plumbline.inference.device import PIECE, predict
from plumbline.inference.model import line_of
from tests.support.models import make_with_info


@pytest.mark.parametrize(
    ("name", "start", "keys"),
    [
        ("linear", "0.7645 0.8300", ["linear_layer.weight", "linear_layer.bias"]),
        ("parameters", "0.3367 0.1288", ["weights", "bias"]),
    ],
)
def test_each_model_has_the_first_line_and_the_names_of_the_exercise(
    name: str, start: str, keys: list[str]
) -> None:
    torch.manual_seed(42)
    model, _ = make_with_info(name)
    assert "{:.4f} {:.4f}".format(*line_of(model) or ()) == start
    assert list(model.state_dict()) == keys


@pytest.mark.parametrize("name", ["linear", "parameters"])
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("features", [1, 3])
def test_a_model_predicts_what_its_coefficients_give(
    name: str, standardize: bool, features: int
) -> None:
    model, info = make_with_info(name, features, standardize)
    assert info.coefficients
    X = np.linspace(-1, 1, features * (2 * PIECE + 1), dtype=np.float32).reshape(-1, features)
    expected = X @ np.array([info.coefficients.weights]).T + info.coefficients.bias
    np.testing.assert_allclose(predict(model, torch.from_numpy(X)), expected, atol=3e-6)


def test_only_a_line_in_one_feature_has_a_weight_and_a_bias() -> None:
    assert make_with_info("mlp")[1].coefficients is None
    assert line_of(make_with_info("linear", 3)[0]) is None
