"""The loss landscape: the training loss of each line, by its weight and its bias."""

import numpy as np

from plumbline.losses import LOSSES, Floats


def axes_around(X: Floats, y: Floats, standardized: bool) -> tuple[Floats, Floats]:
    """The weights and the biases of the landscape, 101 of each, ascending; X, y: (n,).

    They reach 1 beyond zero, near which models start, and beyond the least-squares line, near
    which training should end. They depend on the data alone, so that two trainings compare.
    standardized: the 1 and the zero are those of standardised X and y.
    """
    spread = np.square(X - X.mean()).mean()
    weight = ((X - X.mean()) * (y - y.mean())).mean() / spread if spread else 0.0
    bias, zero, reach, reach_of_bias = y.mean() - weight * X.mean(), 0.0, 1.0, 1.0
    if standardized:
        zero, reach = y.mean(), (y.std() or 1) / (X.std() or 1)
        reach_of_bias = (y.std() or 1) + reach * abs(X.mean())
    return (
        np.linspace(min(0, weight) - reach, max(0, weight) + reach, 101),
        np.linspace(min(zero, bias) - reach_of_bias, max(zero, bias) + reach_of_bias, 101),
    )


def losses_of_lines(loss: str, X: Floats, y: Floats, weights: Floats, biases: Floats) -> Floats:
    """The mean loss over (X, y) of the line with each bias (row) and each weight (column)."""
    of = LOSSES[loss].of
    return np.array([of(biases[:, None] + w * X - y).mean(axis=-1) for w in weights]).T
