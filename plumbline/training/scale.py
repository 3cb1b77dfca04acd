"""Training in standardised units: mean 0 and standard deviation 1 over the training samples."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from plumbline.training.batches import Piece, Samples, full_batch
from plumbline.training.pieces import sum_of_rows
from plumbline.training.world import World
from stages.model import Standardized

Function = Callable[..., Tensor]
CPU = torch.device("cpu")


def fit_scale(model: Standardized, train: Samples, world: World) -> None:
    """Sets the model's means and standard deviations to those of the columns of X and y.

    They are computed in float64, piece by piece, without a copy of the data, and have the same
    bits for any number of threads and processes. The deviation of a constant column is set to 1.
    """
    batch, features = full_batch(train, world), train.X.shape[1]

    def mean_power(center: Tensor, power: int) -> Tensor:
        def write_sum(piece: Piece, row: Tensor) -> None:
            columns = torch.cat([piece.X, piece.y], dim=1).cpu().double()
            torch.sum((columns - center) ** power, dim=0, out=row)

        total = sum_of_rows(write_sum, features + 1, batch, world, CPU, torch.float64)
        return total / batch.total

    mean = mean_power(torch.zeros(1, dtype=torch.float64), 1).float()
    # The rounded mean of a constant column is the constant, so its deviation is exactly 0.
    std = mean_power(mean.double(), 2).sqrt().float()
    std[std == 0] = 1
    for buffer, numbers in (
        (model.X_mean, mean[:-1]),
        (model.y_mean, mean[-1:]),
        (model.X_std, std[:-1]),
        (model.y_std, std[-1:]),
    ):
        buffer.copy_(numbers)


def objective(model: nn.Module, loss_fn: Function) -> tuple[Function, Function]:
    """What training minimises: the predictions of X, and their loss against y.

    A standardised model predicts the standardised y, and its loss is in that unit.
    """
    if not isinstance(model, Standardized):
        return model, loss_fn
    return model.predict_standardized, lambda y_pred, y: loss_fn(y_pred, model.standardize_y(y))
