"""How far predictions are from the truth, in the unit of y; reckoned in float64."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from plumbline.core.tensors import Array

# Rows that are looked at together, so that the differences need no memory beside the data.
PIECE = 262_144


def mae(predicted: Array, true: Array) -> float:
    """Mean absolute error."""
    return sum(float(np.abs(e).sum()) for e in _errors(predicted, true)) / len(true)


def rmse(predicted: Array, true: Array) -> float:
    """Root of the mean squared error."""
    return float(
        np.sqrt(sum(float(np.square(e).sum()) for e in _errors(predicted, true)) / len(true))
    )


def max_error(predicted: Array, true: Array) -> float:
    """Largest absolute error."""
    return max(float(np.abs(e).max()) for e in _errors(predicted, true))


def _errors(predicted: Array, true: Array) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(true), PIECE):
        rows = slice(start, start + PIECE)
        yield np.subtract(predicted[rows], true[rows], dtype=np.float64)
