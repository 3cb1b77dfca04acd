"""The loss of every line near the data, as a function of its weight and its bias."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# What torch's loss functions of these names do to a residual; the delta of huber is 1.
LOSSES: dict[str, Callable[[Floats], Floats]] = {
    "l1": np.abs,
    "mse": np.square,
    "huber": lambda r: np.where(np.abs(r) < 1, np.square(r) / 2, np.abs(r) - 0.5),
}


def mean_loss(loss: str, residuals: Floats) -> Floats:
    """The mean of the named loss over the last axis of the residuals."""
    mean: Floats = LOSSES[loss](residuals).mean(axis=-1)
    return mean


def around(X: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The weights and the biases to look at, 101 of each, ascending; X, y: (n,).

    They reach 1 beyond both zero, near which models start, and the least-squares line, near which
    they should end. So they depend on the data alone, and pictures of two trainings fit together.
    """
    spread = np.square(X - X.mean()).mean()
    weight = ((X - X.mean()) * (y - y.mean())).mean() / spread if spread else 0.0
    bias = y.mean() - weight * X.mean()
    return (
        np.linspace(min(0, weight) - 1, max(0, weight) + 1, 101),
        np.linspace(min(0, bias) - 1, max(0, bias) + 1, 101),
    )


def landscape(loss: str, X: Floats, y: Floats, weights: Floats, biases: Floats) -> Floats:
    """The mean loss over (X, y) of the line with each bias (row) and each weight (column)."""
    return np.array([mean_loss(loss, biases[:, None] + w * X - y) for w in weights]).T
