"""Verify that a new instance, loaded from the file, predicts what the trained model predicted.

Usage: python -m stages.verify MODEL TRAIN TEST PREDICTIONS VERDICT
"""

import json
from pathlib import Path

import msgspec
import numpy as np
import torch

from stages import device, tensors
from stages.command import run
from stages.model import load_model, predict
from stages.output import replacing
from stages.params import load
from stages.tensors import Array


class Params(msgspec.Struct, frozen=True):
    """What this stage reads of params.yaml."""

    device: str


def max_abs_difference(pairs: list[tuple[Array, Array]]) -> float:
    """The largest distance between two predictions for the same sample; 0 if all bits are equal."""
    return max(float(np.abs(reloaded - original).max()) for reloaded, original in pairs)


def main(
    model_path: Path, train_path: Path, test_path: Path, predictions_path: Path, verdict_path: Path
) -> None:
    on = device.pick(load(Params).device)
    model = load_model(model_path).to(on)
    X_train, _ = tensors.load_samples(train_path)
    X_test, _ = tensors.load_samples(test_path)
    original = tensors.load_predictions(predictions_path, len(X_train), len(X_test))
    reloaded = [predict(model, torch.from_numpy(X).to(on)).numpy() for X in (X_train, X_test)]
    difference = max_abs_difference(list(zip(reloaded, original, strict=True)))
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
