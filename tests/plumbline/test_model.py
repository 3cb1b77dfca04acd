"""A saved model loads as the same model."""

from pathlib import Path

import numpy as np
import pytest
import torch

from plumbline.core import tensors
from plumbline.model import MODELS, PIECE, load_model, predict, save_model, weight_and_bias

every_model = pytest.mark.parametrize("name", MODELS)


@every_model
def test_a_new_instance_loaded_from_the_file_predicts_the_same_bits(
    tmp_path: Path, name: str
) -> None:
    model = MODELS[name]()
    save_model(tmp_path / "model", name, model)
    X = torch.linspace(-1, 1, 1001).unsqueeze(1)
    loaded = load_model(tmp_path / "model")
    assert loaded is not model
    assert torch.equal(predict(loaded, X), predict(model, X))


def test_each_model_starts_at_the_exercises_weight_and_bias() -> None:
    starts = {}
    for name, model in MODELS.items():
        torch.manual_seed(42)
        starts[name] = [f"{number:.4f}" for number in weight_and_bias(model())]
    assert starts == {"linear": ["0.7645", "0.8300"], "parameters": ["0.3367", "0.1288"]}


@every_model
def test_the_state_dict_has_the_names_of_the_exercise(name: str) -> None:
    assert (
        list(MODELS[name]().state_dict())
        == {
            "linear": ["linear_layer.weight", "linear_layer.bias"],
            "parameters": ["weights", "bias"],
        }[name]
    )


@every_model
def test_a_model_predicts_the_points_of_its_line(name: str) -> None:
    model = MODELS[name]()
    weight, bias = weight_and_bias(model)
    X = np.linspace(-1, 1, 2 * PIECE + 1, dtype=np.float32)[:, None]
    np.testing.assert_allclose(predict(model, torch.from_numpy(X)), weight * X + bias, atol=1e-6)


@pytest.mark.parametrize(
    ("tensor", "metadata", "message"),
    [
        ({"weights": 1, "bias": 1}, {"model": "cubic"}, "wanted a model of linear, parameters"),
        ({"weights": 1, "bias": 1}, None, "wanted a model of linear, parameters, got None"),
        ({"weights": 1}, {"model": "parameters"}, 'Missing key.*"bias"'),
        ({"weights": 1, "bias": 2}, {"model": "parameters"}, "size mismatch for bias"),
        ({"weights": 1, "bias": 1, "b": 1}, {"model": "parameters"}, 'Unexpected key.*"b"'),
    ],
)
def test_a_state_dict_that_does_not_fit_its_model_is_refused(
    tmp_path: Path, tensor: dict[str, int], metadata: dict[str, str] | None, message: str
) -> None:
    content = {name: np.zeros(size, np.float32) for name, size in tensor.items()}
    tensors.save(tmp_path / "model", content, metadata)
    with pytest.raises(ValueError, match=f"(?s)/model: .*{message}"):
        load_model(tmp_path / "model")
