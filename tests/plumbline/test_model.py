"""A saved model loads as the same model."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.core.metadata import ModelInfo, encode
from plumbline.model import (
    MODELS,
    PIECE,
    Standardized,
    arguments_of,
    line_of,
    load_model,
    make_model,
    predict,
    save_model,
)

every_model = pytest.mark.parametrize("name", MODELS)
every_line = pytest.mark.parametrize("name", ["linear", "parameters"])


def make(name: str, features: int = 1, standardize: bool = False) -> tuple[nn.Module, ModelInfo]:
    """A new model, and the info that it is saved with; any scale differs from 0 and 1."""
    settings = dict.fromkeys(arguments_of(name), 16)
    model = make_model(name, features, settings, standardize)
    if isinstance(model, Standardized):
        for i, buffer in enumerate(model.buffers(), start=2):
            buffer.fill_(i)
    return model, ModelInfo(name, features, settings, standardize, line_of(model))


@every_model
@pytest.mark.parametrize("features", [1, 3])
@pytest.mark.parametrize("standardize", [False, True])
def test_a_new_instance_loaded_from_the_file_predicts_the_same_bits(
    tmp_path: Path, name: str, features: int, standardize: bool
) -> None:
    model, info = make(name, features, standardize)
    save_model(tmp_path / "model", model, info)
    X = torch.linspace(-1, 1, 300).reshape(-1, features)
    loaded = load_model(tmp_path / "model")
    assert loaded is not model
    assert predict(model, X).shape == (len(X), 1)
    assert torch.equal(predict(loaded, X), predict(model, X))


def test_each_model_starts_at_the_exercises_line_of() -> None:
    starts = {}
    for name in ("linear", "parameters"):
        torch.manual_seed(42)
        starts[name] = [f"{number:.4f}" for number in line_of(make(name)[0]) or ()]
    assert starts == {"linear": ["0.7645", "0.8300"], "parameters": ["0.3367", "0.1288"]}


@every_line
def test_the_state_dict_has_the_names_of_the_exercise(name: str) -> None:
    assert (
        list(make(name)[0].state_dict())
        == {
            "linear": ["linear_layer.weight", "linear_layer.bias"],
            "parameters": ["weights", "bias"],
        }[name]
    )


@every_line
@pytest.mark.parametrize("standardize", [False, True])
def test_a_model_predicts_the_points_of_its_line(name: str, standardize: bool) -> None:
    model, _ = make(name, 1, standardize)
    weight, bias = line_of(model) or (0, 0)
    X = np.linspace(-1, 1, 2 * PIECE + 1, dtype=np.float32)[:, None]
    np.testing.assert_allclose(predict(model, torch.from_numpy(X)), weight * X + bias, atol=2e-6)


@pytest.mark.parametrize(
    ("tensor", "info", "message"),
    [
        ({"weights": 1, "bias": 1}, ("cubic", 1, {}), "wanted a model of linear, parameters, mlp"),
        ({"weights": 1, "bias": 1}, ("parameters", 10**12, {}), "size mismatch for weights"),
        ({"weights": 1}, ("parameters", 1, {}), 'Missing key.*"bias"'),
        ({"weights": 1, "bias": 2}, ("parameters", 1, {}), "size mismatch for bias"),
        ({"weights": 1, "bias": 1, "b": 1}, ("parameters", 1, {}), 'Unexpected key.*"b"'),
        ({"weights": 1, "bias": 1}, ("parameters", 1, {"hidden": 16}), "wanted a model of linear"),
        ({"weights": 1, "bias": 1}, ("mlp", 1, {}), "wanted a model of linear, parameters, mlp"),
        ({"weights": 1, "bias": 1}, ("mlp", 1, {"hidden": 10**12}), "Missing key"),
    ],
)
def test_a_state_dict_that_does_not_fit_its_model_is_refused(
    tmp_path: Path, tensor: dict[str, int], info: tuple[str, int, dict[str, int]], message: str
) -> None:
    content = {name: np.zeros(size, np.float32) for name, size in tensor.items()}
    name, features, settings = info
    metadata = encode(ModelInfo(name, features, {**settings}, standardize=False, line=None))
    tensors.save(tmp_path / "model", content, metadata)
    with pytest.raises(UserError, match=f"(?s)/model: .*{message}"):
        load_model(tmp_path / "model")


def test_a_file_without_the_name_of_a_model_is_refused(tmp_path: Path) -> None:
    tensors.save(tmp_path / "model", {"weights": np.zeros(1, np.float32)})
    with pytest.raises(UserError, match="/model: wanted ModelInfo as metadata, got: "):
        load_model(tmp_path / "model")


@pytest.mark.parametrize(("name", "features"), [("linear", 3), ("parameters", 3), ("mlp", 1)])
def test_a_model_that_is_no_line_in_one_feature_has_no_weight_and_bias(
    name: str, features: int
) -> None:
    assert make(name, features)[1].line is None
