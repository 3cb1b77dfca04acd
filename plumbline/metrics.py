"""Errors of predictions, in the unit of y, computed in float64."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from plumbline.core.tensors import Array

# Rows that are compared at a time, so that the differences need no memory beside the data.
CHUNK = 262_144


def mae(predicted: Array, true: Array) -> float:
    """Mean absolute error; predicted, true: (n, 1)."""
    return sum(float(np.abs(e).sum()) for e in errors(predicted, true)) / len(true)


def rmse(predicted: Array, true: Array) -> float:
    """Root of the mean squared error; predicted, true: (n, 1)."""
    total = sum(float(np.square(e).sum()) for e in errors(predicted, true))
    return float(np.sqrt(total / len(true)))


def max_error(predicted: Array, true: Array) -> float:
    """Largest absolute error; predicted, true: (n, 1)."""
    return max(float(np.abs(e).max()) for e in errors(predicted, true))


def r2(predicted: Array, true: Array) -> float:
    """Coefficient of determination: 1 minus the errors' share of the variance of y; no unit.

    predicted, true: (n, 1). If y does not vary, 1 without an error and 0 with one, as in
    scikit-learn: https://scikit-learn.org/stable/modules/generated/sklearn.metrics.r2_score.html
    """
    squares = sum(float(np.square(e).sum()) for e in errors(predicted, true))
    mean = np.full_like(true, true.mean(dtype=np.float64))
    variance = sum(float(np.square(e).sum()) for e in errors(mean, true))
    return 1 - squares / variance if variance else float(squares == 0)


def errors(predicted: Array, true: Array) -> Iterator[NDArray[np.float64]]:
    """Each predicted - true, chunk by chunk and in order; predicted, true: (n, 1)."""
    for start in range(0, len(true), CHUNK):
        rows = slice(start, start + CHUNK)
        yield np.subtract(predicted[rows], true[rows], dtype=np.float64)
