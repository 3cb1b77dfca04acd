"""Evaluate the predictions, and the line that was learned, against the truth.

Usage: python -m stages.evaluate TRAIN TEST PREDICTIONS MODEL METRICS
"""

import json
from pathlib import Path

import msgspec

from plumbline.core import tensors
from plumbline.core.command import run
from plumbline.core.files import replacing
from plumbline.core.params import Real, load
from plumbline.core.tensors import Array
from plumbline.metrics import mae, max_error, rmse


class Line(msgspec.Struct, frozen=True):
    """The part of the section `generate` that is the true line."""

    weight: Real
    bias: Real


class Params(msgspec.Struct, frozen=True):
    """What this stage reads of params.yaml."""

    generate: Line


def learned(state_dict: dict[str, Array], *endings: str) -> float:
    """The one number in the state_dict whose name ends in one of `endings`; else ValueError."""
    found = [tensor for name, tensor in state_dict.items() if name.endswith(endings)]
    if [tensor.size for tensor in found] != [1]:
        wanted = " or ".join(endings)
        raise ValueError(f"wanted one number that ends in {wanted}, got {sorted(state_dict)}")
    return float(found[0].item())


def evaluate(
    train: tuple[Array, Array], test: tuple[Array, Array], weight: float, bias: float, true: Line
) -> dict[str, float]:
    """The metrics by name, in the unit of y, to 6 significant digits.

    train, test: what was predicted and what is true, each (n, 1). An error is never negative.
    """
    metrics = {
        "test_mae": mae(*test),
        "test_rmse": rmse(*test),
        "test_max_error": max_error(*test),
        "train_mae": mae(*train),
        "weight": weight,
        "bias": bias,
        "weight_error": abs(weight - true.weight),
        "bias_error": abs(bias - true.bias),
    }
    # 6 digits, so that most differences in a float32's last bit between two machines are none.
    return {name: float(f"{value:.6g}") for name, value in metrics.items()}


def main(
    train_path: Path, test_path: Path, predictions_path: Path, model_path: Path, metrics_path: Path
) -> None:
    _, y_train = tensors.load_samples(train_path)
    _, y_test = tensors.load_samples(test_path)
    train, test = tensors.load_predictions(predictions_path, len(y_train), len(y_test))
    state_dict, _ = tensors.load(model_path)
    metrics = evaluate(
        (train, y_train),
        (test, y_test),
        learned(state_dict, "weight", "weights"),
        learned(state_dict, "bias"),
        load(Params).generate,
    )
    with replacing(metrics_path) as partial:
        partial.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run(main)
