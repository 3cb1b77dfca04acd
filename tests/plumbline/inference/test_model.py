"""A saved model loads as the same model; anything else is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.core.tensors import Recipe, encode
from plumbline.inference.device import predict
from plumbline.inference.model import load_model, save_model
from stages.model import MODELS
from tests.support.models import info_of, make_with_info


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("features", [1, 3])
@pytest.mark.parametrize("standardize", [False, True])
def test_a_new_instance_loaded_from_the_file_predicts_the_same_bits(
    tmp_path: Path, name: str, features: int, standardize: bool
) -> None:
    model, info = make_with_info(name, features, standardize)
    save_model(tmp_path / "model", model, info)
    X = torch.linspace(-1, 1, 300).reshape(-1, features)
    loaded = load_model(tmp_path / "model", MODELS)
    assert loaded is not model
    assert predict(model, X).shape == (len(X), 1)
    assert torch.equal(predict(loaded, X), predict(model, X))


@pytest.mark.parametrize(
    ("tensor", "info", "message"),
    [
        ({"weights": 1, "bias": 1}, ("cubic", 1, {}), "wanted a model of linear, parameters, mlp"),
        ({"weights": 1, "bias": 1}, ("parameters", 2, {}), "size mismatch for weights"),
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
    metadata = encode(info_of(Recipe(name, features, {**settings}, standardize=False)))
    tensors.save(tmp_path / "model", content, metadata)
    with pytest.raises(UserError, match=f"(?s)/model: .*{message}"):
        load_model(tmp_path / "model", MODELS)


def test_a_file_without_the_name_of_a_model_is_refused(tmp_path: Path) -> None:
    tensors.save(tmp_path / "model", {"weights": np.zeros(1, np.float32)})
    with pytest.raises(UserError, match="/model: wanted ModelInfo .* run `dvc repro`"):
        load_model(tmp_path / "model", MODELS)


def test_a_file_in_which_the_numbers_of_features_differ_is_refused(tmp_path: Path) -> None:
    info = make_with_info("linear", 2)[1]
    metadata = {"info": encode(info)["info"].replace('["x0","x1"]', '["x0"]')}
    tensors.save(tmp_path / "model", {"weights": np.zeros(1, np.float32)}, metadata)
    with pytest.raises(UserError, match="got: other numbers of features than 2"):
        load_model(tmp_path / "model", MODELS)
