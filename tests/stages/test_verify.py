"""Verify fails if the reloaded model predicts differently, and the error says by how much."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.core.tensors import Array, Recipe
from plumbline.inference.device import predict
from plumbline.inference.model import save_model
from stages import verify
from stages.model import Linear
from tests.support.exercise import INFO, run_stage
from tests.support.models import info_of


@pytest.fixture
def predictions(folder: Path) -> dict[str, Array]:
    """Those of a model, which is written with its data and with them."""
    X = np.linspace(0, 1, 10, dtype=np.float32)[:, None]
    model = Linear(1)
    save_model(Path("model"), model, info_of(Recipe("linear", 1, {}, standardize=False)))
    for name in ("train", "test"):
        tensors.save_samples(Path(name), X, X, INFO)
    found = {name: predict(model, torch.from_numpy(X)).numpy() for name in ("train", "test")}
    tensors.save(Path("predictions"), found)
    return found


def change(predictions: dict[str, Array], part: str, factor: float) -> None:
    """Writes the predictions with one of them a little greater."""
    one = predictions[part][3]
    one[:] = np.nextafter(one, np.float32(9)) * np.float32(factor)
    tensors.save(Path("predictions"), predictions)


def verdict() -> dict[str, float]:
    run_stage(verify, "model", "train", "test", "predictions", "verdict")
    found: dict[str, float] = json.loads(Path("verdict").read_text())
    return found


def test_identical_predictions_match(predictions: dict[str, Array]) -> None:
    assert verdict() == {"matches": True, "max_abs_difference": 0}


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_difference_of_one_bit_fails_and_writes_nothing(
    predictions: dict[str, Array], part: str
) -> None:
    change(predictions, part, 1)
    with pytest.raises(UserError, match=r"^model: .* differ by up to \d[\d.]*e-\d+$"):
        verdict()
    assert not Path("verdict").exists()


def test_a_last_digit_of_another_kind_of_device_matches(predictions: dict[str, Array]) -> None:
    arrays, metadata = tensors.load(Path("model"))
    tensors.save(Path("model"), arrays, {"info": metadata["info"].replace("cpu", "cuda")})
    change(predictions, "test", 1)
    assert 0 < verdict()["max_abs_difference"] < 1e-6
    change(predictions, "test", 1.01)
    with pytest.raises(UserError, match="got some that differ by up to"):
        verdict()
