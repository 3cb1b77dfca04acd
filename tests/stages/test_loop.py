"""Training gives the exercise's numbers and the same bits as the plain loop."""

import re
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from plumbline.core.tensors import Line
from plumbline.history import Row
from plumbline.inference.device import PIECE, predict
from plumbline.inference.model import line_of
from plumbline.training.batches import Samples
from stages.generate import Generate, generate
from stages.loop import OPTIMIZERS, Train, fit
from stages.losses import LOSSES
from stages.model import MODELS
from tests.support.exercise import EXERCISE
from tests.support.models import make_with_info


def samples(train_rows: int = 80, **changes: float) -> tuple[Samples, Samples]:
    """The exercise's training and testing samples; `changes` override `generate`'s parameters."""
    X, y = generate(Generate(**{**EXERCISE["generate"], **changes}))
    n = train_rows
    return Samples(X[:n], y[:n], 0, n), Samples(X[n:], y[n:], 0, len(X) - n)


def new(name: str, features: int = 1) -> nn.Module:
    return make_with_info(name, features)[0]


def train(
    data: tuple[Samples, Samples], **changes: Any
) -> tuple[nn.Module, Line | None, list[Row]]:
    """The trained model, the line it started from, and its history."""
    params = Train(**{**EXERCISE["train"], **changes})
    torch.manual_seed(params.seed)
    model = new(params.model)
    start = line_of(model)
    return model, start, fit(model, *data, params)


def plain_loop(
    samples: Samples, model: str, loss: str, optimizer: str, epochs: int
) -> list[torch.Tensor]:
    """Trains with the exercise's own loop and returns the model's parameters."""
    torch.manual_seed(42)
    net = new(model)
    loss_fn: nn.Module = getattr(nn, LOSSES[loss].layer)()
    stepper = OPTIMIZERS[optimizer](net.parameters(), lr=0.01)
    for _ in range(epochs):
        value = loss_fn(net(samples.X), samples.y)
        stepper.zero_grad()
        value.backward()
        stepper.step()
    return list(net.parameters())


def test_the_parameters_model_ends_at_the_published_line_and_error() -> None:
    data = samples()
    model, _, _ = train(data, model="parameters")
    weight, bias = line_of(model) or (0, 0)
    assert f"{weight:.8f} {bias:.8f}" == "0.30668804 0.90105999"
    assert f"{(predict(model, data[1].X) - data[1].y).abs().mean():.6g}" == "0.00704579"


def test_the_losses_equal_the_lessons_to_the_last_digit() -> None:
    """For weight 0.7, bias 0.3, 50 samples: https://www.learnpytorch.io/01_pytorch_workflow/."""
    data = samples(40, weight=0.7, bias=0.3, step=0.02)
    _, _, rows = train(data, model="parameters", epochs=100, eval_every=10, last=1)
    assert [(row.epoch, str(row.train_loss), str(row.test_loss)) for row in rows[:-1]] == [
        (0, "0.31288138031959534", "0.48106518387794495"),
        (10, "0.1976713240146637", "0.3463551998138428"),
        (20, "0.08908725529909134", "0.21729660034179688"),
        (30, "0.053148526698350906", "0.14464017748832703"),
        (40, "0.04543796554207802", "0.11360953003168106"),
        (50, "0.04167863354086876", "0.09919948130846024"),
        (60, "0.03818932920694351", "0.08886633068323135"),
        (70, "0.03476089984178543", "0.0805937647819519"),
        (80, "0.03132382780313492", "0.07232122868299484"),
        (90, "0.02788739837706089", "0.06473556160926819"),
    ]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_full_batch_gives_the_same_bits_as_the_plain_loop(
    model: str, loss: str, optimizer: str
) -> None:
    data = samples()
    trained, _, _ = train(data, model=model, loss=loss, optimizer=optimizer, epochs=50)
    expected = plain_loop(data[0], model, loss, optimizer, 50)
    assert all(map(torch.equal, trained.parameters(), expected))


def test_a_batch_of_many_pieces_matches_the_plain_loop_within_rounding() -> None:
    data = samples(3 * PIECE + 7, step=1 / (4 * PIECE), noise=0.1)
    trained, _, _ = train(data, loss="mse", epochs=20)
    expected = plain_loop(data[0], "linear", "mse", "sgd", 20)
    assert all(map(partial(torch.allclose, atol=1e-5), trained.parameters(), expected))


@pytest.mark.parametrize("size", [80, 81, 10**6])
def test_a_batch_size_at_or_above_the_sample_count_is_the_full_batch(size: int) -> None:
    full, batch = train(samples(), epochs=30), train(samples(), epochs=30, batch_size=size)
    assert batch[1:] == full[1:]


@pytest.mark.slow
def test_mini_batches_learn_the_line_and_the_seed_decides_their_order() -> None:
    models = [
        train(samples(), batch_size=16, loss="mse", lr=0.1, epochs=200, seed=seed)[0]
        for seed in (1, 1, 2)
    ]
    lines = [line_of(model) for model in models]
    assert lines[0] == pytest.approx((0.3, 0.9), abs=1e-3)
    assert lines[0] == lines[1] != lines[2]


@pytest.mark.parametrize(
    ("epoch", "changes"), [(20, {"loss": "mse", "lr": 100.0}), (0, {"lr": 3e38})]
)
def test_the_error_for_a_non_finite_loss_names_the_epoch_and_the_lr(
    epoch: int, changes: dict[str, Any]
) -> None:
    message = rf"^epoch {epoch}: wanted a finite loss, .* lower train\.lr \({changes['lr']}\)"
    with pytest.raises(ValueError, match=message.replace("+", r"\+")):
        train(samples(), **changes)


def test_a_non_finite_loss_after_the_last_step_is_refused() -> None:
    with pytest.raises(ValueError, match="^epoch 18: wanted a finite"):
        train(samples(), loss="mse", lr=100.0, epochs=19, last=1)


@pytest.mark.parametrize(
    ("epochs", "eval_every", "last", "rows"),
    [(1, 1, 10, [0]), (5, 2, 1, [0, 2, 4]), (6, 2, 1, [0, 2, 4, 5]), (9, 5, 3, [0, 5, 6, 7, 8])],
)
def test_the_history_has_a_row_each_eval_every_epochs_and_for_the_last_ones(
    epochs: int, eval_every: int, last: int, rows: list[int]
) -> None:
    _, _, history = train(samples(), epochs=epochs, eval_every=eval_every, last=last)
    assert [row.epoch for row in history] == rows


def test_the_last_row_has_the_testing_loss_and_the_line_of_the_trained_model() -> None:
    data = samples()
    model, _, rows = train(data)
    assert rows[-1].test_loss == (predict(model, data[1].X) - data[1].y).abs().mean().item()
    assert (rows[-1].weight, rows[-1].bias) == line_of(model)


@pytest.mark.parametrize("shape", [(2,), (1, 1), (2, 2)])
def test_a_model_whose_predictions_have_another_shape_is_a_bug(shape: tuple[int, ...]) -> None:
    class Own(nn.Module):
        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return X.new_zeros(shape)

    message = rf"wanted forward to return shape \(2, 1\) for 2 samples, got {re.escape(str(shape))}"
    with pytest.raises(TypeError, match=message):
        fit(Own(), *samples(), Train(**EXERCISE["train"]))


@pytest.mark.slow
def test_several_features_are_learned_as_least_squares_does() -> None:
    X = torch.rand(500, 3, generator=torch.Generator().manual_seed(0))
    y = X @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.25
    data = Samples(X, y, 0, 500)
    for name in ("linear", "parameters"):
        params = Train(**{**EXERCISE["train"], "model": name, "loss": "mse", "lr": 0.3,
                          "epochs": 2000, "eval_every": 2000})  # fmt: skip
        model = new(name, 3)
        *_, row = fit(model, data, data, params)
        assert row.weight is None
        assert torch.allclose(predict(model, X), y, atol=1e-4)
