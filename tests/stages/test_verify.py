"""Verify fails if the reloaded model predicts differently, and the error says by how much."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from torch import nn

from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.inference.device import predict
from plumbline.inference.model import save_model
from stages import verify
from tests.support.exercise import INFO, run_stage
from tests.support.models import make_model_with_info

X = np.linspace(0, 1, 10, dtype=np.float32)[:, None]


@pytest.mark.parametrize(
    ("part", "factor", "device", "matches"),
    [
        ("train", 1, "cpu", True),
        ("train", 1 + 2e-7, "cpu", False),
        ("test", 1 + 2e-7, "cpu", False),
        ("test", 1 + 2e-7, "cuda", True),
        ("test", 1.01, "cuda", False),
    ],
)
def test_predictions_may_differ_only_on_a_different_kind_of_device_and_only_slightly(
    folder: Path, part: str, factor: float, device: str, matches: bool
) -> None:
    """One saved prediction is the model's prediction times `factor`."""
    model, info = make_model_with_info("linear")
    save_model(Path("model"), model, replace(info, device=device))
    predictions = {}
    for name in ("train", "test"):
        tensors.save_samples(Path(name), X, X, INFO)
        predictions[name] = predict(model, torch.from_numpy(X)).numpy()
    predictions[part][3] *= np.float32(factor)
    tensors.save(Path("predictions"), predictions)
    paths = ("model", "train", "test", "predictions", "verdict")
    if matches:
        run_stage(verify, *paths)
        verdict = json.loads(Path("verdict").read_text())
        assert verdict["matches"] is True
        assert (verdict["max_abs_difference"] > 0) == (factor > 1)
    else:
        with pytest.raises(UserError, match=r"^model: .* differ by up to \d[\d.e-]+$"):
            run_stage(verify, *paths)
        assert not Path("verdict").exists()


def test_a_reloaded_prediction_that_is_not_a_number_is_an_error(folder: Path) -> None:
    model, info = make_model_with_info("linear", 2)
    weight, bias = model.parameters()
    nn.init.zeros_(bias)
    weight.data[:] = torch.tensor([3e38, -3e38])
    save_model(Path("model"), model, info)
    columns = replace(INFO, features=["a", "b"])
    for name, numbers in (("train", X), ("test", 10 + X)):  # 10 gives inf - inf
        tensors.save_samples(Path(name), np.hstack([numbers, numbers]), X, columns)
    tensors.save(Path("predictions"), {"train": np.zeros_like(X), "test": X})
    with pytest.raises(UserError, match="differ by up to nan$"):
        run_stage(verify, "model", "train", "test", "predictions", "verdict")
