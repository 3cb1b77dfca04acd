"""Training gives the same bits as a plain PyTorch loop."""

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
from tests.support.models import make_model_with_info

X, y = generate(Generate(**EXERCISE["generate"]))
TRAIN, TEST = Samples(X[:80], y[:80], 0, 80), Samples(X[80:], y[80:], 0, 20)


def train(**changes: Any) -> tuple[nn.Module, list[Epoch]]:
    """The trained model and its history."""
    params = Train(**{**EXERCISE["train"], **changes})
    torch.manual_seed(params.seed)
    model, _ = make_model_with_info(params.model)
    return model, fit(model, TRAIN, TEST, params)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_full_batch_gives_the_same_bits_as_a_plain_loop(
    model: str, loss: str, optimizer: str
) -> None:
    trained, _ = train(model=model, loss=loss, optimizer=optimizer, epochs=20, batch_size=81)
    torch.manual_seed(42)
    net, _ = make_model_with_info(model)
    loss_fn: nn.Module = getattr(nn, LOSSES[loss].layer)()
    stepper = OPTIMIZERS[optimizer](net.parameters(), lr=0.01)
    for _ in range(20):
        value = loss_fn(net(TRAIN.X), TRAIN.y)
        stepper.zero_grad()
        value.backward()
        stepper.step()
    assert all(map(torch.equal, trained.parameters(), net.parameters()))


@pytest.mark.parametrize(("epochs", "epoch"), [(300, 20), (19, 18)])
def test_the_error_names_the_first_evaluated_epoch_that_diverged(epochs: int, epoch: int) -> None:
    with pytest.raises(UserError, match=rf"^epoch {epoch}: wanted a finite loss, .*\(100\.0\)"):
        train(loss="mse", lr=100.0, epochs=epochs, last=1)


@pytest.mark.parametrize(
    ("epochs", "eval_every", "last", "rows"),
    [(1, 1, 10, [0]), (6, 2, 1, [0, 2, 4, 5]), (9, 5, 3, [0, 5, 6, 7, 8])],
)
def test_the_history_has_every_nth_epoch_and_the_last_ones(
    epochs: int, eval_every: int, last: int, rows: list[int]
) -> None:
    model, history = train(epochs=epochs, eval_every=eval_every, last=last)
    assert [row.epoch for row in history] == rows
    assert history[-1].test_loss == (predict(model, TEST.X) - TEST.y).abs().mean().item()
    assert (history[-1].weight, history[-1].bias) == line_of(model)


@pytest.mark.parametrize("shape", [(2,), (1, 1), (2, 2)])
def test_a_model_that_returns_a_wrong_shape_raises_type_error(shape: tuple[int, ...]) -> None:
    class Own(nn.Module):
        def forward(self, X: Tensor) -> Tensor:
            return X.new_zeros(shape)

    with pytest.raises(TypeError, match=re.escape(f"(2, 1) for 2 samples, got {shape}")):
        fit(Own(), TRAIN, TEST, Train(**EXERCISE["train"]))
