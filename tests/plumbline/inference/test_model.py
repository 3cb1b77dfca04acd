"""A saved model loads as the same model; a file that does not fit is refused."""

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
from tests.support.models import info_of, make_model_with_info


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("features", "standardize"), [(1, False), (3, True)])
def test_a_loaded_model_predicts_the_same_bits(
    tmp_path: Path, name: str, features: int, standardize: bool
) -> None:
    model, info = make_model_with_info(name, features, standardize)
    save_model(tmp_path / "model", model, info)
    X = torch.linspace(-1, 1, 300).reshape(-1, features)
    loaded = load_model(tmp_path / "model", MODELS)
    assert torch.equal(predict(loaded, X), predict(model, X))
    assert ("X_mean" in loaded.state_dict()) == standardize


UNKNOWN = "wanted one of linear, parameters, mlp with its current arguments"


@pytest.mark.parametrize(
    ("names", "recipe", "message"),
    [
        (["weights", "bias"], ("cubic", 1, {}), UNKNOWN),
        (["weights", "bias"], ("mlp", 1, {}), UNKNOWN),
        (["weights", "bias"], ("parameters", 2, {}), "size mismatch for weights"),
        (["weights"], ("parameters", 1, {}), 'Missing key.*"bias"'),
        (["weights", "bias", "b"], ("parameters", 1, {}), 'Unexpected key.*"b"'),
        (["weights", "bias"], ("mlp", 1, {"hidden": 10**12}), "Missing key"),  # would be terabytes
        (["weights", "bias"], ("mlp", 1, {"hidden": -1}), "negative dimension"),
    ],
)
def test_a_state_dict_that_does_not_fit_its_model_is_refused(
    tmp_path: Path, names: list[str], recipe: tuple[str, int, dict[str, int]], message: str
) -> None:
    content = {name: np.zeros(1, np.float32) for name in names}
    info = info_of(Recipe(*recipe, standardize=False))
    tensors.save(tmp_path / "model", content, encode(info))
    with pytest.raises(UserError, match=f"(?s)/model: .*{message}"):
        load_model(tmp_path / "model", MODELS)


def test_a_file_with_contradictory_metadata_is_refused(tmp_path: Path) -> None:
    info = encode(make_model_with_info("linear", 2)[1])["info"].replace('["x0","x1"]', '["x0"]')
    tensors.save(tmp_path / "model", {"weights": np.zeros(1, np.float32)}, {"info": info})
    message = "/model: wanted ModelInfo as metadata, got: more or fewer than 2 names, ranges"
    with pytest.raises(UserError, match=message):
        load_model(tmp_path / "model", MODELS)
