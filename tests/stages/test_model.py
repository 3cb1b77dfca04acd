"""The models are the exercise's, and a line predicts the points of its weight and bias."""

import numpy as np
import pytest
import torch

from plumbline.inference.device import PIECE, predict
from plumbline.inference.model import line_of
from tests.support.models import make_with_info

every_line = pytest.mark.parametrize("name", ["linear", "parameters"])


def test_each_model_starts_at_the_exercises_line_of() -> None:
    starts = {}
    for name in ("linear", "parameters"):
        torch.manual_seed(42)
        starts[name] = [f"{number:.4f}" for number in line_of(make_with_info(name)[0]) or ()]
    assert starts == {"linear": ["0.7645", "0.8300"], "parameters": ["0.3367", "0.1288"]}


@every_line
def test_the_state_dict_has_the_names_of_the_exercise(name: str) -> None:
    assert (
        list(make_with_info(name)[0].state_dict())
        == {
            "linear": ["linear_layer.weight", "linear_layer.bias"],
            "parameters": ["weights", "bias"],
        }[name]
    )


@every_line
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
