"""The losses against those of `torch.nn`."""

import pytest
import torch
from torch import Tensor, nn

from plumbline.training.criterion import FEW, make_criterion
from stages.losses import LOSSES


def loss_and_gradient(criterion: nn.Module, y_pred: Tensor, y: Tensor, scale: float) -> list[bytes]:
    leaf = y_pred.clone().requires_grad_()
    loss = criterion(leaf * 1, y)
    loss.backward(torch.tensor(scale))
    assert leaf.grad is not None
    return [tensor.detach().numpy().tobytes() for tensor in (loss, leaf.grad)]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("n", [1, 80, FEW - 1, FEW, 262_144])
@pytest.mark.parametrize("scale", [1, 0.3])
def test_a_loss_and_its_gradient_have_the_bits_of_torchs_own(
    name: str, n: int, scale: float
) -> None:
    random = torch.Generator().manual_seed(n)
    y_pred, y = torch.randn(n, 1, generator=random), torch.randn(n, 1, generator=random)
    y_pred[::3] = y[::3]  # no error
    own = getattr(nn, LOSSES[name].layer)()
    expected = loss_and_gradient(own, y_pred, y, scale)
    assert loss_and_gradient(make_criterion(name), y_pred, y, scale) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.0, 1e-45])
def test_special_numbers_give_what_torchs_l1_gives(value: float) -> None:
    y_pred, y = torch.ones(FEW, 1), torch.zeros(FEW, 1)
    y_pred[0] = value
    expected = loss_and_gradient(nn.L1Loss(), y_pred, y, 1)
    assert loss_and_gradient(make_criterion("l1"), y_pred, y, 1) == expected


def test_l1_changes_neither_predictions_nor_y() -> None:
    y_pred, y = torch.full((FEW, 1), 3.0, requires_grad=True), torch.full((FEW, 1), 5.0)
    make_criterion("l1")(y_pred, y).backward()
    assert (set(y_pred[:, 0].tolist()), set(y[:, 0].tolist())) == ({3}, {5})


def test_a_second_backward_pass_is_an_error() -> None:
    loss = make_criterion("l1")(torch.ones(FEW, 1, requires_grad=True), torch.zeros(FEW, 1))
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
