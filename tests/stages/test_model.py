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
def test_a_model_predicts_the_points_of_its_line(name: str, standardize: bool) -> None:
    model, _ = make_with_info(name, 1, standardize)
    weight, bias = line_of(model) or (0, 0)
    X = np.linspace(-1, 1, 2 * PIECE + 1, dtype=np.float32)[:, None]
    np.testing.assert_allclose(predict(model, torch.from_numpy(X)), weight * X + bias, atol=2e-6)


@pytest.mark.parametrize(("name", "features"), [("linear", 3), ("parameters", 3), ("mlp", 1)])
def test_a_model_that_is_no_line_in_one_feature_has_no_weight_and_bias(
    name: str, features: int
) -> None:
    assert make_with_info(name, features)[1].line is None
