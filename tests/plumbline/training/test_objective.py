"""Losses are torch's own; standardised training reaches least squares; advice is given in need."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from plumbline.core.tensors import Recipe
from plumbline.history import Epoch
from plumbline.inference.device import PIECE, predict
from plumbline.inference.model import Standardized, line_of, make_model
from plumbline.training.batches import Samples
from plumbline.training.objective import WORTHWHILE, advise, fit_scale, make_loss
from plumbline.training.world import ALONE
from stages.load import Load, load
from stages.loop import Train, fit
from stages.losses import LOSSES
from stages.model import MLP, MODELS, Linear
from tests.support.exercise import EXERCISE, ROOT

DIABETES = ROOT / "examples" / "diabetes" / "diabetes.csv"

# x and y of Norris, which NIST certifies: y = -0.262323073774029 + 1.00211681802045 x.
# https://www.itl.nist.gov/div898/strd/lls/data/Norris.shtml
NORRIS = """
0.2 0.1, 337.4 338.8, 118.2 118.1, 884.6 888.0, 10.1 9.2, 226.5 228.1, 666.3 668.5, 996.3 998.5,
448.6 449.1, 777.0 778.9, 558.2 559.2, 0.4 0.3, 0.6 0.1, 775.5 778.1, 666.9 668.8, 338.0 339.3,
447.5 448.9, 11.6 10.8, 556.0 557.7, 228.1 228.3, 995.8 998.0, 887.6 888.8, 120.2 119.6, 0.3 0.3,
0.3 0.6, 556.8 557.6, 339.1 339.3, 887.2 888.0, 999.0 998.5, 779.0 778.9, 11.1 10.2, 118.3 117.6,
229.2 228.9, 669.1 668.4, 448.9 449.2, 0.5 0.2
"""


def train(X: np.ndarray, y: np.ndarray, **changes: object) -> tuple[Standardized, list[Epoch]]:
    """A model trained on standardised data for 1,000 epochs with MSE and lr 0.1."""
    settings = {"standardize": True, "loss": "mse", "lr": 0.1, "epochs": 1000, "eval_every": 100}
    params = Train(**{**EXERCISE["train"], **settings, **changes})
    torch.manual_seed(params.seed)
    model = make_model(Recipe("linear", X.shape[1], {}, standardize=True), MODELS)
    assert isinstance(model, Standardized)
    data = Samples(torch.from_numpy(X), torch.from_numpy(y), 0, len(X))
    fit_scale(model, data, ALONE)
    return model, fit(model, data, data, params)


# Measured: 1.00008 with sgd, 1.00000004 with adam.
@pytest.mark.slow
@pytest.mark.skipif(not DIABETES.is_file(), reason="the example is deleted")
@pytest.mark.parametrize(("optimizer", "most"), [("sgd", 1.005), ("adam", 1.00001)])
def test_the_example_comes_to_the_error_of_least_squares(optimizer: str, most: float) -> None:
    X, y, _ = load(DIABETES, Load(target="progression", features=None))
    errors = predict(train(X, y, optimizer=optimizer)[0], torch.from_numpy(X)).numpy() - y
    design = np.column_stack([X, np.ones(len(X))]).astype(np.float64)
    _, (best,), *_ = np.linalg.lstsq(design, y.astype(np.float64))
    assert 1 - 1e-6 <= np.sqrt(np.square(errors, dtype=np.float64).sum() / best) <= most


def test_norris_comes_to_the_certified_line_with_the_losses_of_y_over_its_deviation() -> None:
    table = np.array([pair.split() for pair in NORRIS.split(",")], np.float32)
    X, y = table[:, :1], table[:, 1:]
    model, rows = train(X, y)
    weight, bias = rows[-1].weight, rows[-1].bias
    assert (weight, bias) == line_of(model)
    assert weight == pytest.approx(1.00211681802045, abs=1e-6)
    assert bias == pytest.approx(-0.262323073774029, abs=1e-3)
    assert [row.y_std for row in rows] == [pytest.approx(float(y.std()))] * len(rows)
    errors = (predict(model, torch.from_numpy(X)).numpy() - y) / y.std()
    assert rows[-1].test_loss == pytest.approx(float(np.square(errors).mean()), rel=1e-3)


def test_the_scale_is_the_mean_and_the_deviation_of_each_column() -> None:
    random = np.random.default_rng(0)
    X = random.normal([1, -200, 1e5], [1, 30, 2], (2 * PIECE + 5, 3)).astype(np.float32)
    model, _ = train(X, X[:, :1], epochs=1)
    numbers = X.astype(np.float64)
    np.testing.assert_allclose(model.X_mean, numbers.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(model.X_std, numbers.std(axis=0), rtol=1e-5)


@pytest.mark.parametrize("constant", [0.1, -7e20])
def test_a_constant_column_is_no_division_by_zero(constant: float) -> None:
    line = np.linspace(0, 1, 1000, dtype=np.float32)[:, None]
    flat = np.full_like(line, constant)
    model, rows = train(np.hstack([flat, line]), line, epochs=300)
    assert model.X_std[0] == 1
    assert rows[-1].test_loss < 1e-6
    model, _ = train(line, flat, epochs=300)
    assert model.y_std == 1
    assert predict(model, torch.from_numpy(line)).numpy() == pytest.approx(flat, abs=1e-6)


def loss_and_gradient(loss_fn: nn.Module, y_pred: Tensor, y: Tensor) -> list[bytes]:
    """Their bytes, and those of y_pred and y afterwards."""
    leaf = y_pred.clone().requires_grad_()
    predicted = leaf * 1
    loss = loss_fn(predicted, y)
    loss.backward(torch.tensor(0.3))
    assert leaf.grad is not None
    return [tensor.detach().numpy().tobytes() for tensor in (loss, leaf.grad, predicted, y)]


@pytest.mark.parametrize("layer", [loss.layer for loss in LOSSES.values()])
@pytest.mark.parametrize("n", [1, WORTHWHILE - 1, WORTHWHILE, 20_001])
def test_a_loss_and_its_gradient_have_the_bits_of_torchs_own(layer: str, n: int) -> None:
    y_pred, y = torch.randn(2, n, 1, generator=torch.Generator().manual_seed(n))
    y_pred[::3] = y[::3]  # no error
    for special in (0.5, torch.nan, torch.inf, -0.0, 1e-45):
        y_pred[0], y[0] = special, 0
        found, own = make_loss(layer), getattr(nn, layer)()
        assert loss_and_gradient(found, y_pred, y) == loss_and_gradient(own, y_pred, y.clone())


UNIT = torch.linspace(0, 1, 100)[:, None]
FALLING = torch.cat([UNIT, UNIT.flip(0)], dim=1)


def advice(model: nn.Module, train: Tensor, test: Tensor) -> str:
    samples = [Samples(X, y, 0, len(X)) for X, y in ((train, UNIT), (test, test[:, :1]))]
    return " ".join(advise(model, *samples, ALONE))


@pytest.mark.parametrize("scale", [101.0, -1000.0, 1e-3])
def test_a_column_far_from_1_names_the_parameter(scale: float) -> None:
    data = torch.cat([UNIT, scale * UNIT], dim=1)
    assert advice(Linear(2), data, data) == (
        f"a column of the data reaches {abs(scale):g}, far from 1; "
        "set train.standardize to true in params.yaml"
    )
    assert advice(Standardized(Linear(2), 2), data, data) == ""


@pytest.mark.parametrize("scale", [0, 1, 10, -0.1])
def test_a_column_near_1_or_of_zeros_needs_no_advice(scale: float) -> None:
    assert advice(Linear(2), torch.cat([UNIT, scale * UNIT], dim=1), torch.zeros(1, 2)) == ""


def test_a_model_that_is_no_line_is_not_to_be_tested_beyond_its_training() -> None:
    assert advice(MLP(2, 4), FALLING[:80], FALLING[80:]) == (
        "20 of 20 testing samples lie beyond the training samples; "
        "set split.shuffle to true in params.yaml"
    )
    assert advice(MLP(2, 4), FALLING[5:95], FALLING) == ""
    assert advice(Linear(2), FALLING[:80], FALLING[80:]) == ""
