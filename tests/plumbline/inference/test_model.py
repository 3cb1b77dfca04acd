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
    assert torch.equal(predict(loaded, X), predict(model, X))


@pytest.mark.parametrize(
    ("sizes", "info", "message"),
    [
        ({"weights": 1, "bias": 1}, ("cubic", 1, {}), "wanted a model of linear, parameters, mlp"),
        ({"weights": 1, "bias": 1}, ("parameters", 2, {}), "size mismatch for weights"),
        ({"weights": 1}, ("parameters", 1, {}), 'Missing key.*"bias"'),
        ({"weights": 1, "bias": 1, "b": 1}, ("parameters", 1, {}), 'Unexpected key.*"b"'),
        ({"weights": 1, "bias": 1}, ("parameters", 1, {"hidden": 16}), "wanted a model of linear"),
        ({"weights": 1, "bias": 1}, ("mlp", 1, {}), "wanted a model of linear, parameters, mlp"),
        ({"weights": 1, "bias": 1}, ("mlp", 1, {"hidden": 10**12}), "Missing key"),
    ],
)
def test_a_state_dict_that_does_not_fit_its_model_is_refused(
    tmp_path: Path, sizes: dict[str, int], info: tuple[str, int, dict[str, int]], message: str
) -> None:
    content = {name: np.zeros(size, np.float32) for name, size in sizes.items()}
    metadata = encode(info_of(Recipe(*info, standardize=False)))
    tensors.save(tmp_path / "model", content, metadata)
    with pytest.raises(UserError, match=f"(?s)/model: .*{message}"):
        load_model(tmp_path / "model", MODELS)


@pytest.mark.parametrize(
    ("names", "message"),
    [('["x0"]', "numbers of features other than 2"), ("0", "Expected `array`.* run `dvc repro`")],
)
def test_a_file_whose_metadata_are_wrong_is_refused(
    tmp_path: Path, names: str, message: str
) -> None:
    info = encode(make_with_info("linear", 2)[1])["info"].replace('["x0","x1"]', names)
    tensors.save(tmp_path / "model", {"weights": np.zeros(1, np.float32)}, {"info": info})
    with pytest.raises(UserError, match=f"/model: wanted ModelInfo as metadata, got: {message}"):
        load_model(tmp_path / "model", MODELS)
