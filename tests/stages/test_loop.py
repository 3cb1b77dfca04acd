"""Training gives the exercise's numbers and the same bits as the plain loop."""

import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from plumbline.core.errors import UserError
from plumbline.history import Epoch
from plumbline.inference.device import predict
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


TRAIN, TEST = DATA = samples()


def train(data: tuple[Samples, Samples] = DATA, **changes: Any) -> tuple[nn.Module, list[Epoch]]:
    """The trained model and its history."""
    params = Train(**{**EXERCISE["train"], **changes})
    torch.manual_seed(params.seed)
    model, _ = make_with_info(params.model)
    return model, fit(model, *data, params)


def test_the_parameters_model_ends_at_the_published_line_and_error() -> None:
    model, _ = train(model="parameters")
    assert "{:.8f} {:.8f}".format(*line_of(model) or ()) == "0.30668804 0.90105999"
    assert f"{(predict(model, TEST.X) - TEST.y).abs().mean():.6g}" == "0.00704579"


def test_the_losses_equal_the_lessons_to_the_last_digit() -> None:
    """For weight 0.7, bias 0.3, 50 samples: https://www.learnpytorch.io/01_pytorch_workflow/."""
    data = samples(40, weight=0.7, bias=0.3, step=0.02)
    _, rows = train(data, model="parameters", epochs=100, eval_every=10, last=1)
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
    trained, _ = train(model=model, loss=loss, optimizer=optimizer, epochs=50)
    torch.manual_seed(42)
    net, _ = make_with_info(model)
    loss_fn: nn.Module = getattr(nn, LOSSES[loss].layer)()
    stepper = OPTIMIZERS[optimizer](net.parameters(), lr=0.01)
    for _ in range(50):
        value = loss_fn(net(TRAIN.X), TRAIN.y)
        stepper.zero_grad()
        value.backward()
        stepper.step()
    assert all(map(torch.equal, trained.parameters(), net.parameters()))


@pytest.mark.parametrize("size", [80, 81, 10**6])
def test_a_batch_size_at_or_above_the_sample_count_is_the_full_batch(size: int) -> None:
    assert train(epochs=30, batch_size=size)[1] == train(epochs=30)[1]


@pytest.mark.parametrize(
    ("epoch", "changes"),
    [
        (20, {"loss": "mse", "lr": 100.0}),
        (0, {"lr": 3e38}),
        # After the last step.
        (18, {"loss": "mse", "lr": 100.0, "epochs": 19, "last": 1}),
    ],
)
def test_the_error_for_a_non_finite_loss_names_the_epoch_and_the_lr(
    epoch: int, changes: dict[str, Any]
) -> None:
    lr = re.escape(str(changes["lr"]))
    with pytest.raises(UserError, match=rf"^epoch {epoch}: wanted a finite loss, .*\({lr}\)"):
        train(**changes)


@pytest.mark.parametrize(
    ("epochs", "eval_every", "last", "rows"),
    [(1, 1, 10, [0]), (5, 2, 1, [0, 2, 4]), (6, 2, 1, [0, 2, 4, 5]), (9, 5, 3, [0, 5, 6, 7, 8])],
)
def test_the_history_has_a_row_each_eval_every_epochs_and_for_the_last_ones(
    epochs: int, eval_every: int, last: int, rows: list[int]
) -> None:
    model, history = train(epochs=epochs, eval_every=eval_every, last=last)
    assert [row.epoch for row in history] == rows
    assert history[-1].test_loss == (predict(model, TEST.X) - TEST.y).abs().mean().item()
    assert (history[-1].weight, history[-1].bias) == line_of(model)


@pytest.mark.parametrize("shape", [(2,), (1, 1), (2, 2)])
def test_a_model_whose_predictions_have_another_shape_is_a_bug(shape: tuple[int, ...]) -> None:
    class Own(nn.Module):
        def forward(self, X: Tensor) -> Tensor:
            return X.new_zeros(shape)

    message = rf"wanted forward to return shape \(2, 1\) for 2 samples, got {re.escape(str(shape))}"
    with pytest.raises(TypeError, match=message):
        fit(Own(), *DATA, Train(**EXERCISE["train"]))
