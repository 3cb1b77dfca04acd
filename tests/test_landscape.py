"""The landscape is that of torch's own losses, around zero and the least-squares line."""

import numpy as np
import pytest
import torch
from torch import nn

from plumbline.drawing.landscape import around, landscape

X = np.linspace(0, 1, 50)
y = 3 * X - 2


@pytest.mark.parametrize(
    ("name", "criterion"), [("l1", nn.L1Loss()), ("mse", nn.MSELoss()), ("huber", nn.HuberLoss())]
)
def test_each_value_is_torchs_loss_of_that_line(name: str, criterion: nn.Module) -> None:
    weights, biases = np.array([-1.0, 0, 3]), np.array([-2.0, 5])
    values = landscape(name, X, y, weights, biases)
    expected = [
        [criterion(torch.tensor(w * X + b), torch.tensor(y)).item() for w in weights]
        for b in biases
    ]
    np.testing.assert_allclose(values, expected, atol=1e-12)


def test_it_reaches_one_beyond_zero_and_the_least_squares_line() -> None:
    weights, biases = around(X, y)
    assert (weights[0], weights[-1]) == pytest.approx((-1, 4))
    assert (biases[0], biases[-1]) == pytest.approx((-3, 1))


def test_samples_at_one_place_have_a_level_line() -> None:
    weights, biases = around(np.ones(3), np.array([1.0, 2, 3]))
    assert (weights[0], weights[-1], biases[-1]) == (-1, 1, 3)
