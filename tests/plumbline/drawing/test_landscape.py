"""The landscape shows torch's losses around zero and the least-squares line."""

import numpy as np
import pytest
import torch
from torch import nn

from plumbline.drawing.landscape import axes_around, losses_of_lines
from stages.losses import LOSSES

X = np.linspace(0, 1, 50)
y = 3 * X - 2


@pytest.mark.parametrize("name", LOSSES)
def test_each_value_is_torchs_loss_of_its_line(name: str) -> None:
    loss_fn = getattr(nn, LOSSES[name].layer)()
    weights, biases = np.array([-1.0, 0, 3]), np.array([-2.0, 5])
    values = losses_of_lines(LOSSES[name].of, X, y, weights, biases)
    expected = [
        [loss_fn(torch.tensor(w * X + b), torch.tensor(y)).item() for w in weights] for b in biases
    ]
    np.testing.assert_allclose(values, expected, atol=1e-12)


def test_the_axes_reach_one_beyond_zero_and_the_least_squares_line() -> None:
    weights, biases = axes_around(X, y, standardized=False)
    assert (weights[0], weights[-1]) == pytest.approx((-1, 4))
    assert (biases[0], biases[-1]) == pytest.approx((-3, 1))


def test_samples_that_share_one_x_have_a_level_line() -> None:
    weights, biases = axes_around(np.ones(3), np.array([1.0, 2, 3]), standardized=False)
    assert (weights[0], weights[-1], biases[-1]) == (-1, 1, 3)


def test_the_axes_of_standardised_data_reach_one_in_its_units() -> None:
    """With deviations 10 of X and 200 of y, means 50 and 1,000, the line y = 20 X is a diagonal."""
    X = np.array([40.0, 60])
    weights, biases = axes_around(X, 20 * X, standardized=True)
    assert (weights[0], weights[-1]) == pytest.approx((-20, 40))
    assert (biases[0], biases[-1]) == pytest.approx((0 - 200 - 1000, 1000 + 200 + 1000))
