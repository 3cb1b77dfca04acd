"""The models are the exercise's, and a line predicts the points of its weight and bias."""

import numpy as np
import pytest
import torch
from torch import nn

from plumbline.core.tensors import Recipe
from plumbline.inference import model as models
from plumbline.inference.device import PIECE, predict
from stages.model import MODELS


def make(name: str, features: int = 1, standardize: bool = False) -> nn.Module:
    """A new model, whose scale differs from 0 and 1."""
    settings = dict.fromkeys(models.arguments_of(MODELS[name]), 16)
    model = models.make_model(Recipe(name, features, settings, standardize), MODELS)
    for i, buffer in enumerate(model.buffers(), start=2):
        buffer.fill_(i)
    return model


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
    model = make(name)
    assert "{:.4f} {:.4f}".format(*models.line_of(model) or ()) == start
    assert list(model.state_dict()) == keys


@pytest.mark.parametrize("name", ["linear", "parameters"])
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("features", [1, 3])
def test_a_model_predicts_what_its_coefficients_give(
    name: str, standardize: bool, features: int
) -> None:
    model = make(name, features, standardize)
    coefficients = models.coefficients_of(model)
    assert coefficients
    X = np.linspace(-1, 1, features * (2 * PIECE + 1), dtype=np.float32).reshape(-1, features)
    expected = X @ np.array([coefficients.weights]).T + coefficients.bias
    np.testing.assert_allclose(predict(model, torch.from_numpy(X)), expected, atol=3e-6)


def test_only_a_line_has_coefficients() -> None:
    assert models.coefficients_of(make("mlp")) is None
