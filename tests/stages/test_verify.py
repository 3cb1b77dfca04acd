"""Verify fails if the reloaded model predicts differently, and the error says by how much."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.core.tensors import Recipe
from plumbline.inference.device import predict
from plumbline.inference.model import save_model
from stages import verify
from stages.model import Linear
from tests.support.exercise import INFO, run_stage
from tests.support.models import info_of

X = np.linspace(0, 1, 10, dtype=np.float32)[:, None]


def verify_changed(part: str, factor: float, device: str = "cpu") -> float:
    """The verdict's difference if a prediction was that of the model times `factor`."""
    model = Linear(1)
    info = info_of(Recipe("linear", 1, {}, standardize=False))
    save_model(Path("model"), model, replace(info, device=device))
    predictions = {}
    for name in ("train", "test"):
        tensors.save_samples(Path(name), X, X, INFO)
        predictions[name] = predict(model, torch.from_numpy(X)).numpy()
    predictions[part][3] *= np.float32(factor)
    tensors.save(Path("predictions"), predictions)
    run_stage(verify, "model", "train", "test", "predictions", "verdict")
    verdict = json.loads(Path("verdict").read_text())
    assert verdict.pop("matches") is True
    return float(verdict["max_abs_difference"])


def test_identical_predictions_match(folder: Path) -> None:
    assert verify_changed("train", 1) == 0


@pytest.mark.parametrize(
    ("part", "factor", "device"),
    [("train", 1 + 2e-7, "cpu"), ("test", 1 + 2e-7, "cpu"), ("test", 1.01, "cuda")],
)
def test_a_difference_fails_and_writes_nothing(
    folder: Path, part: str, factor: float, device: str
) -> None:
    with pytest.raises(UserError, match=r"^model: .* differ by up to \d[\d.e-]+$"):
        verify_changed(part, factor, device)
    assert not Path("verdict").exists()


def test_a_last_digit_of_another_kind_of_device_matches(folder: Path) -> None:
    assert 0 < verify_changed("test", 1 + 2e-7, "cuda") < 1e-6
