"""How far predictions are from the truth, in the unit of y; summed in float64."""

import numpy as np

from stages.tensors import Array


def mae(predicted: Array, true: Array) -> float:
    """Mean absolute error."""
    return float(np.abs(predicted - true).mean(dtype=np.float64))


def rmse(predicted: Array, true: Array) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(np.square(predicted - true, dtype=np.float64).mean()))


def max_error(predicted: Array, true: Array) -> float:
    """Largest absolute error."""
    return float(np.abs(predicted - true).max())
