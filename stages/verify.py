"""Verify that the saved model, loaded into a new instance, makes the same predictions.

Usage: python -m stages.verify MODEL TRAIN TEST PREDICTIONS VERDICT
"""

import msgspec
import numpy as np
import torch

from plumbline.core import tensors
from plumbline.core.command import run
from plumbline.core.errors import UserError
from plumbline.core.files import Input, Output, write_json
from plumbline.core.tensors import Array, ModelInfo
from plumbline.inference.device import predict, use_device, use_threads
from plumbline.inference.model import load_model
from stages.model import MODELS

# The largest difference allowed if a different kind of device trained the model, as a fraction of
# the largest prediction. An H200 and a CPU differ by up to 1.2e-7 (benchmarks/README.md).
OTHER_DEVICE_TOLERANCE = 1e-5


class Params(msgspec.Struct, frozen=True):
    device: str


def largest_difference(reloaded: Array, original: Array) -> float:
    """The largest absolute difference between two (n, 1) arrays; overwrites `reloaded`."""
    difference = np.subtract(reloaded, original, out=reloaded)
    return float(np.abs(difference, out=difference).max())


def main(
    params: Params,
    model_path: Input,
    train_path: Input,
    test_path: Input,
    predictions_path: Input,
    verdict_path: Output,
) -> None:
    threads, device = use_threads(), use_device(params.device)
    model = load_model(model_path, MODELS).to(device)
    inputs = [tensors.load_samples(path)[0] for path in (train_path, test_path)]
    original = tensors.load_predictions(predictions_path, *map(len, inputs))
    reloaded = [predict(model, torch.tensor(X, device=device), threads).numpy() for X in inputs]
    difference = float(np.max([*map(largest_difference, reloaded, original)]))  # nan if one is nan
    info = tensors.load_info(model_path, ModelInfo)
    same_kind = info.device == device.type
    largest = max(np.abs(y).max() for y in original)
    if not difference <= (0 if same_kind else OTHER_DEVICE_TOLERANCE * largest):
        raise UserError(
            f"{model_path}: wanted the predictions in {predictions_path}, "
            f"got predictions that differ by up to {difference:g}"
        )
    write_json(verdict_path, {"matches": True, "max_abs_difference": difference})


if __name__ == "__main__":
    run(main, Params)
