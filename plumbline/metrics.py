"""Errors of predictions, in the unit of y, computed in float64.

The results are the same for any number of threads.
"""

from collections.abc import Callable

import numpy as np

from plumbline.core.tensors import Array, Floats
from plumbline.core.threads import in_threads

# Rows that are compared at a time, so that the differences need no memory beside the data.
CHUNK = 262_144


def mae(predicted: Array, true: Array, threads: int = 1) -> float:
    """Mean absolute error; predicted, true: (n, 1)."""
    return sum(of_errors(lambda e: np.abs(e, out=e).sum(), predicted, true, threads)) / len(true)


def baseline_mae(train: Array, true: Array, threads: int = 1) -> float:
    """MAE of predicting the median of the training y for every sample; train: (m, 1), true: (n, 1).

    No constant that is known from the training samples has a lower one there.
    """
    return mae(np.broadcast_to(np.median(train), true.shape), true, threads)


def rmse(predicted: Array, true: Array, threads: int = 1) -> float:
    """Root of the mean squared error; predicted, true: (n, 1)."""
    return float(np.sqrt(_sum_of_squares(predicted, true, threads) / len(true)))


def max_error(predicted: Array, true: Array, threads: int = 1) -> float:
    """Largest absolute error; predicted, true: (n, 1)."""
    return max(of_errors(lambda e: np.abs(e, out=e).max(), predicted, true, threads))


def r2(predicted: Array, true: Array, threads: int = 1) -> float:
    """Coefficient of determination: 1 minus the errors' share of the variance of y; no unit.

    predicted, true: (n, 1). If y does not vary, 1 without an error and 0 with one, as in
    scikit-learn: https://scikit-learn.org/stable/modules/generated/sklearn.metrics.r2_score.html
    """
    squares = _sum_of_squares(predicted, true, threads)
    # The rounded mean of a constant y is that constant, so its variance is exactly 0.
    mean = true.mean(keepdims=True, dtype=np.float64).astype(np.float32)
    variance = _sum_of_squares(true, np.broadcast_to(mean, true.shape), threads)
    return 1 - squares / variance if variance else float(squares == 0)


def _sum_of_squares(predicted: Array, true: Array, threads: int) -> float:
    return sum(of_errors(lambda e: np.square(e, out=e).sum(), predicted, true, threads))


def of_errors(
    function: Callable[[Floats], float], predicted: Array, true: Array, threads: int = 1
) -> list[float]:
    """The function's value for predicted - true, chunk by chunk, in their order; each (n, 1).

    The function may write into its argument: new memory costs a page fault for each 4 KB.
    """

    def of_chunk(start: int) -> float:
        rows = slice(start, start + CHUNK)
        return float(function(predicted[rows].astype(np.float64) - true[rows]))

    return in_threads(of_chunk, range(0, len(predicted), CHUNK), threads)
