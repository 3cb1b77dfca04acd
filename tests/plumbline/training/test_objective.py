"""Standardised training reaches least squares; advice is printed only when it is needed."""

import re

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from plumbline.inference.device import PIECE, predict
from plumbline.inference.model import Standardized, coefficients_of
from plumbline.training.batches import Samples
from plumbline.training.objective import advise, fit_scale
from plumbline.training.world import ALONE
from stages.load import Load, load
from stages.loop import Train, fit
from stages.model import MLP, Linear
from tests.support.exercise import EXERCISE, ROOT

DIABETES = ROOT / "examples" / "diabetes" / "diabetes.csv"


def scaled(X: np.ndarray, y: np.ndarray) -> tuple[Standardized, Samples]:
    """An untrained model with the scale of the data, and the samples."""
    torch.manual_seed(42)
    data = Samples(torch.from_numpy(X), torch.from_numpy(y), 0, len(X))
    model = Standardized(Linear(X.shape[1]), X.shape[1])
    fit_scale(model, data, ALONE)
    return model, data


@pytest.mark.slow
@pytest.mark.skipif(not DIABETES.is_file(), reason="the example is deleted")
def test_the_example_reaches_least_squares_and_its_losses_are_of_the_standardised_y() -> None:
    X, y, _ = load(DIABETES, Load(target="progression", features=None))
    model, data = scaled(X, y)
    settings = {"standardize": True, "loss": "mse", "lr": 0.1, "epochs": 1000}
    rows = fit(model, data, data, Train(**{**EXERCISE["train"], **settings}))
    predicted, found = predict(model, data.X).numpy(), coefficients_of(model)
    assert found
    np.testing.assert_allclose(predicted[:, 0], X @ np.array(found.weights) + found.bias, rtol=1e-5)
    mse = np.square(predicted - y, dtype=np.float64).mean()
    design = np.column_stack([X, np.ones(len(X))]).astype(np.float64)
    _, (best,), *_ = np.linalg.lstsq(design, y.astype(np.float64))
    assert 1 <= np.sqrt(mse / (best / len(X))) < 1.0001  # measured: 1.00008
    assert [row.y_std for row in rows] == [pytest.approx(float(y.std()))] * len(rows)
    assert rows[-1].test_loss == pytest.approx(mse / y.var(), rel=1e-4)


def test_the_scale_is_each_columns_mean_and_deviation_and_a_constants_deviation_is_1() -> None:
    mean, std = [1, -200, 1e5, 0.1, -7e20], [1, 30, 2, 0, 0]
    X = np.random.default_rng(0).normal(mean, std, (2 * PIECE + 5, 5)).astype(np.float32)
    model, _ = scaled(X, X[:, 3:4])
    numbers = X.astype(np.float64)
    np.testing.assert_allclose(model.X_mean, numbers.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(model.X_std[:3], numbers[:, :3].std(axis=0), rtol=1e-5)
    assert [*model.X_std[3:], *model.y_std] == [1, 1, 1]


RISING = torch.linspace(0, 1, 100)[:, None].expand(-1, 2)  # X and y
LINE, MORE = Linear(1), MLP(1, 4)


@pytest.mark.parametrize(
    ("model", "train", "test", "said"),
    [
        (LINE, RISING * torch.tensor([101, 1]), RISING, "a column .* 101, .*train.standardize"),
        (LINE, RISING * torch.tensor([1, -1000]), RISING, "a column .* reaches 1000, "),
        (LINE, RISING * torch.tensor([0.001, 1]), RISING, "a column .* reaches 0.001, "),
        (LINE, RISING * torch.tensor([0, -0.011]), RISING, "$"),
        (LINE, RISING * 100, RISING, "$"),
        (Standardized(LINE, 1), RISING * 101, RISING, "$"),
        (MORE, RISING[:80], RISING[80:], "20 of 20 testing samples are outside .*split.shuffle"),
        (MORE, RISING[20:], RISING[:20], "20 of 20 testing samples are outside the training"),
        (MORE, RISING[5:95], RISING, "$"),
        (LINE, RISING[:80], RISING[80:], "$"),
    ],
)
def test_advice_names_the_parameter_if_a_column_is_far_from_1_or_testing_samples_are_out_of_range(
    model: nn.Module, train: Tensor, test: Tensor, said: str
) -> None:
    samples = [Samples(data[:, :1], data[:, 1:], 0, len(data)) for data in (train, test)]
    assert re.match(said, " ".join(advise(model, *samples, ALONE)))
