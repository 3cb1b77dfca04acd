"""Verify that a new instance, loaded from the file, predicts what the trained model predicted.

Usage: python -m stages.verify MODEL TRAIN TEST PREDICTIONS VERDICT
"""

import json
from pathlib import Path

import msgspec
import torch

from plumbline import device
from plumbline.core import tensors
from plumbline.core.command import run
from plumbline.core.files import replacing
from plumbline.core.params import load
from plumbline.metrics import max_error
from plumbline.model import load_model, predict


class Params(msgspec.Struct, frozen=True):
    """What this stage reads of params.yaml."""

    device: str


def main(
    model_path: Path, train_path: Path, test_path: Path, predictions_path: Path, verdict_path: Path
) -> None:
    on = device.pick(load(Params).device)
    model = load_model(model_path).to(on)
    inputs = [tensors.load_samples(path)[0] for path in (train_path, test_path)]
    original = tensors.load_predictions(predictions_path, *map(len, inputs))
    reloaded = [predict(model, torch.from_numpy(X).to(on)).numpy() for X in inputs]
    difference = max(map(max_error, reloaded, original))
    if difference != 0:
        raise ValueError(
            f"{model_path}: wanted the predictions in {predictions_path}, "
            f"got some that differ by up to {difference:g}"
        )
    verdict = {"matches": difference == 0, "max_abs_difference": difference}
    with replacing(verdict_path) as partial:
        partial.write_text(json.dumps(verdict, indent=2) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run(main)
