"""Evaluate the predictions and the learned line against the truth.

Usage: python -m stages.evaluate TRAIN TEST PREDICTIONS MODEL METRICS
"""

import msgspec

from plumbline.core import tensors
from plumbline.core.command import run
from plumbline.core.files import Input, Output, write_json
from plumbline.core.params import Real
from plumbline.core.tensors import Array, Pair
from plumbline.metrics import mae, max_error, rmse


class TrueLine(msgspec.Struct, frozen=True):
    """The keys of the section `generate` that define the true line."""

    weight: Real
    bias: Real


class Params(msgspec.Struct, frozen=True):
    generate: TrueLine


def find_number(state_dict: dict[str, Array], *endings: str) -> float:
    """The only number in the state_dict whose name ends in one of `endings`; else ValueError."""
    found = [tensor for name, tensor in state_dict.items() if name.endswith(endings)]
    if [tensor.size for tensor in found] != [1]:
        wanted = " or ".join(endings)
        raise ValueError(f"wanted one number that ends in {wanted}, got {sorted(state_dict)}")
    return float(found[0].item())


def evaluate(
    train: Pair, test: Pair, weight: float, bias: float, true: TrueLine
) -> dict[str, float]:
    """The metrics by name, in the unit of y, to 6 significant digits.

    train, test: the predictions and the true values, each (n, 1). An error is never negative.
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
    # Two machines may differ in a float32's last bit; 6 digits hide most of that.
    return {name: float(f"{value:.6g}") for name, value in metrics.items()}


def main(
    params: Params,
    train_path: Input,
    test_path: Input,
    predictions_path: Input,
    model_path: Input,
    metrics_path: Output,
) -> None:
    _, y_train = tensors.load_samples(train_path)
    _, y_test = tensors.load_samples(test_path)
    train, test = tensors.load_predictions(predictions_path, len(y_train), len(y_test))
    state_dict, _ = tensors.load(model_path)
    weight = find_number(state_dict, "weight", "weights")
    bias = find_number(state_dict, "bias")
    metrics = evaluate((train, y_train), (test, y_test), weight, bias, params.generate)
    write_json(metrics_path, metrics)


if __name__ == "__main__":
    run(main, Params)
