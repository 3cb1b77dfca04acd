"""Training in standardised units: mean 0 and standard deviation 1 over the training samples."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from plumbline.model import Standardized, pieces
from plumbline.training.batches import Samples
from plumbline.training.parallel import World

Function = Callable[..., Tensor]


def fit_scale(model: Standardized, train: Samples, world: World) -> None:
    """Sets the model's means and standard deviations to those of the columns of X and y.

    They are computed in float64, piece by piece, without a copy of the data. The deviation of a
    constant column is set to 1.
    """
    for column, mean, std in (
        (train.X, model.X_mean, model.X_std),
        (train.y, model.y_mean, model.y_std),
    ):
        zero = torch.zeros(1, dtype=torch.float64)
        mean.copy_(_mean_power(column, zero, 1, train.total, world))
        # The rounded mean of a constant column is the constant, so its deviation is exactly 0.
        std.copy_(_mean_power(column, mean.cpu().double(), 2, train.total, world).sqrt())
        std[std == 0] = 1


def _mean_power(column: Tensor, center: Tensor, power: int, total: int, world: World) -> Tensor:
    """The mean of (x - center) ** power over the `total` rows of all processes, in float64.

    column: (n, k), the rows of this process. center: (k,) or (1,). Result: (k,).
    """
    sums = [((x.cpu().double() - center) ** power).sum(dim=0) for (x,) in pieces(column)]
    return world.sum(torch.stack(sums).sum(dim=0)) / total


def objective(model: nn.Module, loss_fn: Function) -> tuple[Function, Function]:
    """What training minimises: the predictions of X, and their loss against y.

    A standardised model predicts the standardised y, and its loss is in that unit.
    """
    if not isinstance(model, Standardized):
        return model, loss_fn
    return model.predict_standardized, lambda y_pred, y: loss_fn(y_pred, model.standardize_y(y))
