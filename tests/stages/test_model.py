"""Models start with the notebook exercise's weights; linear ones agree with their coefficients."""

import numpy as np
import pytest
import torch
from torch import nn

from plumbline.core.tensors import Recipe
from plumbline.inference import model as models
from plumbline.inference.device import PIECE, predict
from stages.model import MODELS


def make(name: str, features: int = 1, standardize: bool = False) -> nn.Module:
    """A new model; if it is standardised, its means and deviations are neither 0 nor 1."""
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
def test_a_model_has_the_exercises_weights_and_keys(name: str, start: str, keys: list[str]) -> None:
    torch.manual_seed(42)
    model = make(name)
    assert "{:.4f} {:.4f}".format(*models.line_of(model) or ()) == start
    assert list(model.state_dict()) == keys


@pytest.mark.parametrize("name", ["linear", "parameters"])
@pytest.mark.parametrize("standardize", [False, True])
def test_a_linear_model_predicts_what_its_coefficients_give(name: str, standardize: bool) -> None:
    model = make(name, 3, standardize)
    coefficients = models.coefficients_of(model)
    assert coefficients
    X = np.linspace(-1, 1, 3 * (PIECE + 1), dtype=np.float32).reshape(-1, 3)
    expected = X @ np.array([coefficients.weights]).T + coefficients.bias
    np.testing.assert_allclose(predict(model, torch.from_numpy(X)), expected, atol=3e-6)
    assert models.coefficients_of(make("mlp", 3, standardize)) is None
