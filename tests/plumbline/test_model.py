"""A saved model loads as the same model."""

from pathlib import Path

import numpy as np
import pytest
import torch

from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.core.metadata import ModelInfo, encode
from plumbline.model import MODELS, PIECE, line_of, load_model, predict, save_model

every_model = pytest.mark.parametrize("name", MODELS)


@every_model
def test_a_new_instance_loaded_from_the_file_predicts_the_same_bits(
    tmp_path: Path, name: str
) -> None:
    model = MODELS[name](1)
    save_model(tmp_path / "model", name, model, 1)
    X = torch.linspace(-1, 1, 1001).unsqueeze(1)
    loaded = load_model(tmp_path / "model")
    assert loaded is not model
    assert torch.equal(predict(loaded, X), predict(model, X))


def test_each_model_starts_at_the_exercises_line_of() -> None:
    starts = {}
    for name, model in MODELS.items():
        torch.manual_seed(42)
        starts[name] = [f"{number:.4f}" for number in line_of(model(1)) or ()]
    assert starts == {"linear": ["0.7645", "0.8300"], "parameters": ["0.3367", "0.1288"]}


@every_model
def test_the_state_dict_has_the_names_of_the_exercise(name: str) -> None:
    assert (
        list(MODELS[name](1).state_dict())
        == {
            "linear": ["linear_layer.weight", "linear_layer.bias"],
            "parameters": ["weights", "bias"],
        }[name]
    )


@every_model
def test_a_model_predicts_the_points_of_its_line(name: str) -> None:
    model = MODELS[name](1)
    weight, bias = line_of(model) or (0, 0)
    X = np.linspace(-1, 1, 2 * PIECE + 1, dtype=np.float32)[:, None]
    np.testing.assert_allclose(predict(model, torch.from_numpy(X)), weight * X + bias, atol=1e-6)


@pytest.mark.parametrize(
    ("tensor", "info", "message"),
    [
        ({"weights": 1, "bias": 1}, ("cubic", 1), "wanted a model of linear, parameters"),
        ({"weights": 1, "bias": 1}, ("parameters", 10**12), "wanted a model of .* that fits"),
        ({"weights": 1}, ("parameters", 1), 'Missing key.*"bias"'),
        ({"weights": 1, "bias": 2}, ("parameters", 1), "size mismatch for bias"),
        ({"weights": 1, "bias": 1}, ("parameters", 2), "size mismatch for weights"),
        ({"weights": 1, "bias": 1, "b": 1}, ("parameters", 1), 'Unexpected key.*"b"'),
    ],
)
def test_a_state_dict_that_does_not_fit_its_model_is_refused(
    tmp_path: Path, tensor: dict[str, int], info: tuple[str, int], message: str
) -> None:
    content = {name: np.zeros(size, np.float32) for name, size in tensor.items()}
    name, features = info
    metadata = encode(ModelInfo(name=name, features=features, line=None))
    tensors.save(tmp_path / "model", content, metadata)
    with pytest.raises(UserError, match=f"(?s)/model: .*{message}"):
        load_model(tmp_path / "model")


def test_a_file_without_the_name_of_a_model_is_refused(tmp_path: Path) -> None:
    tensors.save(tmp_path / "model", {"weights": np.zeros(1, np.float32)})
    with pytest.raises(UserError, match="/model: wanted ModelInfo as metadata, got: "):
        load_model(tmp_path / "model")


@every_model
def test_a_model_in_several_features_has_no_weight_and_bias(tmp_path: Path, name: str) -> None:
    model = MODELS[name](3)
    save_model(tmp_path / "model", name, model, 3)
    X = torch.rand(10, 3)
    assert line_of(model) is None
    assert tensors.load_info(tmp_path / "model", ModelInfo).line is None
    assert torch.equal(predict(load_model(tmp_path / "model"), X), predict(model, X))
    assert predict(model, X).shape == (10, 1)
