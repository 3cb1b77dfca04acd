"""Evaluate the predictions and, if the model is a line, its weight and bias.

Usage: python -m stages.evaluate TRAIN TEST PREDICTIONS MODEL METRICS
"""

import msgspec

from plumbline.core import tensors
from plumbline.core.command import run
from plumbline.core.files import Input, Output, write_json
from plumbline.core.tensors import Line, ModelInfo, Pair
from plumbline.core.threads import count_threads
from plumbline.metrics import mae, max_error, r2, rmse


class Params(msgspec.Struct, frozen=True):
    """No parameter."""


def evaluate(
    train: Pair, test: Pair, learned: Line | None, true: Line | None, threads: int = 1
) -> dict[str, float]:
    """The metrics by name, to 6 significant digits; errors are in the unit of y.

    train, test: the predictions and the true values, each (n, 1). learned, true: weight and bias,
    for a model and for samples that are a line. An error is never negative. The result is the same
    for any number of threads.
    """
    metrics = {
        "test_mae": mae(*test, threads),
        "test_rmse": rmse(*test, threads),
        "test_max_error": max_error(*test, threads),
        "test_r2": r2(*test, threads),
        "train_mae": mae(*train, threads),
    }
    if learned:
        metrics |= {"weight": learned[0], "bias": learned[1]}
    if learned and true:
        metrics["weight_error"] = abs(learned[0] - true[0])
        metrics["bias_error"] = abs(learned[1] - true[1])
    # Two machines may differ in a float32's last bit; 6 digits hide most of that.
    return {name: float(f"{value:.6g}") for name, value in metrics.items()}


def main(
    _params: Params,
    train_path: Input,
    test_path: Input,
    predictions_path: Input,
    model_path: Input,
    metrics_path: Output,
) -> None:
    y_train, info = tensors.load_targets(train_path)
    y_test, _ = tensors.load_targets(test_path)
    train, test = tensors.load_predictions(predictions_path, len(y_train), len(y_test))
    learned = tensors.load_info(model_path, ModelInfo).line
    pairs = (train, y_train), (test, y_test)
    write_json(metrics_path, evaluate(*pairs, learned, info.line, count_threads()))


if __name__ == "__main__":
    run(main, Params)
