"""Verify fails if the reloaded model predicts differently, and the error says by how much."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from plumbline.core import tensors
from plumbline.core.tensors import Array, Recipe
from plumbline.inference.device import predict
from plumbline.inference.model import save_model
from stages import verify
from stages.model import Linear
from tests.support.exercise import INFO, run_stage
from tests.support.models import info_of

PATHS = ("model", "train", "test", "predictions", "verdict")


@pytest.fixture
def trained(folder: Path) -> dict[str, Array]:
    """Writes a model, its data and its predictions; returns the predictions."""
    X = np.linspace(0, 1, 10, dtype=np.float32)[:, None]
    model = Linear(1)
    predicted = predict(model, torch.from_numpy(X)).numpy()
    save_model(Path("model"), model, info_of(Recipe("linear", 1, {}, standardize=False)))
    for name in ("train", "test"):
        tensors.save_samples(Path(name), X, X, INFO)
    predictions = {"train": predicted, "test": predicted.copy()}
    tensors.save(Path("predictions"), predictions)
    return predictions


def test_identical_predictions_match(trained: dict[str, Array]) -> None:
    run_stage(verify, *PATHS)
    verdict = json.loads(Path("verdict").read_text())
    assert verdict == {"matches": True, "max_abs_difference": 0}


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_difference_of_one_bit_fails_and_writes_nothing(
    trained: dict[str, Array], part: str
) -> None:
    one = trained[part][3]
    one[:] = np.nextafter(one, np.float32(9))
    tensors.save(Path("predictions"), trained)
    with pytest.raises(ValueError, match=r"^model: .* differ by up to \d[\d.]*e-\d+$"):
        run_stage(verify, *PATHS)
    assert not Path("verdict").exists()


def test_a_last_digit_of_another_kind_of_device_matches(trained: dict[str, Array]) -> None:
    arrays, metadata = tensors.load(Path("model"))
    tensors.save(Path("model"), arrays, {"info": metadata["info"].replace("cpu", "cuda")})
    one = trained["test"][3]
    one[:] = np.nextafter(one, np.float32(9))
    tensors.save(Path("predictions"), trained)
    run_stage(verify, *PATHS)
    assert 0 < json.loads(Path("verdict").read_text())["max_abs_difference"] < 1e-6
    one[:] *= np.float32(1.01)
    tensors.save(Path("predictions"), trained)
    with pytest.raises(ValueError, match="got some that differ by up to"):
        run_stage(verify, *PATHS)
