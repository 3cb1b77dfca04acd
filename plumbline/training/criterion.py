"""The losses of `torch.nn`, by their names in params.yaml; l1 with fewer passes through memory."""

from typing import Any

import torch
from torch import Tensor, nn

from stages.losses import LOSSES

# Below this many numbers, calling Python in the backward pass costs more than it saves.
FEW = 10_000


class L1Loss(nn.L1Loss):
    """Mean absolute error, with the bits and the gradient of nn.L1Loss.

    nn.L1Loss consists of several operations, and each of them makes a new tensor of n numbers.
    """

    def forward(self, y_pred: Tensor, y: Tensor) -> Tensor:
        if len(y) < FEW:
            few: Tensor = super().forward(y_pred, y)
            return few
        loss: Tensor = _MeanAbsolute.apply(y_pred - y)  # type: ignore[no-untyped-call]
        return loss


def make_criterion(name: str) -> nn.Module:
    """The loss of this name."""
    criterion: nn.Module = L1Loss() if name == "l1" else getattr(nn, LOSSES[name].layer)()
    return criterion


class _MeanAbsolute(torch.autograd.Function):
    """The mean of |errors|; its backward pass overwrites them, so it can run only once."""

    @staticmethod
    def forward(ctx: Any, errors: Tensor) -> Tensor:
        ctx.save_for_backward(errors)
        return errors.abs().mean()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (errors,), (gradient,) = ctx.saved_tensors, gradients
        found: Tensor = errors.sign_().mul_(gradient / errors.numel())
        return found
