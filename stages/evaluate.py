"""Evaluate the predictions, the repeated trainings and, if the model is a line, its coefficients.

Usage: python -m stages.evaluate TRAIN TEST PREDICTIONS MODEL VALIDATION METRICS
"""

import math

import msgspec

from plumbline import validation
from plumbline.core import tensors
from plumbline.core.command import number, printable, run
from plumbline.core.files import Input, Output, write_json
from plumbline.core.tensors import Line, ModelInfo, Pair
from plumbline.core.threads import count_threads
from plumbline.validation import Repeat, baseline_mae, mae, max_error, r2, rmse


class Params(msgspec.Struct, frozen=True):
    """The stage has no parameters."""


def evaluate(
    train: Pair,
    test: Pair,
    learned: Line | None,
    true: Line | None,
    repeated: list[Repeat],
    threads: int = 1,
) -> dict[str, float]:
    """The metrics by name, rounded to 6 significant digits; errors of y are in the unit of y.

    train, test: the predictions and the true values, each (n, 1). learned, true: the weight and
    bias of the model and of the samples; each is None if it is not a line. repeated: the rows that
    `validate` wrote. Errors are never negative. The result is the same for any number of threads.
    """
    metrics = {
        "test_mae": mae(*test, threads),
        "test_rmse": rmse(*test, threads),
        "test_max_error": max_error(*test, threads),
        "test_r2": r2(*test, threads),
        "train_mae": mae(*train, threads),
        "baseline_mae": baseline_mae(train[1], test[1], threads),
        **validation.metrics(repeated),
    }
    if learned:
        metrics |= {"weight": learned[0], "bias": learned[1]}
    if learned and true:
        metrics["weight_error"] = abs(learned[0] - true[0])
        metrics["bias_error"] = abs(learned[1] - true[1])
    # The last bit of a float32 may differ between machines; 6 digits hide most such differences.
    return {name: float(f"{value:.6g}") for name, value in metrics.items()}


def print_coefficients(info: ModelInfo) -> None:
    """Prints the coefficients of a model that is linear in several features."""
    found = info.coefficients
    if not found or found.line:
        return
    print(f"coefficients of {info.target}, in its unit per unit of each feature:")
    names = [*info.features, "bias"]
    width = max(map(len, names))
    for name, value in zip(names, [*found.weights, found.bias], strict=True):
        print(printable(f"  {name:{width}}  {value:.6g}"))


def print_advice(metrics: dict[str, float]) -> None:
    """Prints advice for each MAE that is not below the MAE of predicting the training median."""
    for name, baseline in (
        ("test_mae", "baseline_mae"),
        ("validation_mae", "validation_baseline_mae"),
    ):
        if metrics.get(name, -1) >= metrics.get(baseline, math.inf):
            error, constant = number(metrics[name]), number(metrics[baseline])
            print(
                f"advice: {name} is {error}, and predicting the training median gives {constant}: "
                "the model is not better than a constant"
            )


def main(
    _params: Params,
    train_path: Input,
    test_path: Input,
    predictions_path: Input,
    model_path: Input,
    validation_path: Input,
    metrics_path: Output,
) -> None:
    y_train, info = tensors.load_targets(train_path)
    y_test, _ = tensors.load_targets(test_path)
    train, test = tensors.load_predictions(predictions_path, len(y_train), len(y_test))
    model = tensors.load_info(model_path, ModelInfo)
    learned = model.coefficients.line if model.coefficients else None
    repeated = validation.load(validation_path)
    pairs = (train, y_train), (test, y_test)
    metrics = evaluate(*pairs, learned, info.line, repeated, count_threads())
    # The device is that of the training: the last digits depend on whether it is a CPU or a GPU.
    write_json(metrics_path, {**metrics, "device": model.device})
    print_advice(metrics)
    print_coefficients(model)


if __name__ == "__main__":
    run(main, Params)
