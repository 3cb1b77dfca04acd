"""The loss to minimise, the scale of the data, and advice if the data are hard to learn."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from plumbline.inference.model import Standardized, coefficients_of
from plumbline.training.batches import Samples, full_batch, sum_over_pieces
from plumbline.training.world import World

Function = Callable[..., Tensor]
CPU = torch.device("cpu")

# With fewer rows, nn.L1Loss is faster, because its backward pass does not call Python.
MIN_ROWS = 10_000

# If a column's largest magnitude is outside this range, a good lr is hard or impossible to find.
LEAST, MOST = 0.01, 100

# Shuffling is advised if the testing samples outside a feature's training range are more than this
# fraction of all, plus FEW. A random split rarely has so many, unless few samples are for training.
OUT_OF_RANGE, FEW = 0.1, 3


def objective(model: nn.Module, layer: str) -> tuple[Function, Function]:
    """The functions predict(X) and loss_fn(y_pred, y); training minimises loss_fn.

    layer: the name of the loss's class in torch.nn. For a standardised model, y_pred and the loss
    are standardised; X and y are in the units of the data.
    """
    loss_fn = make_loss(layer)
    if not isinstance(model, Standardized):
        return model, loss_fn
    return model.predict_standardized, lambda y_pred, y: loss_fn(y_pred, model.standardize_y(y))


def make_loss(layer: str) -> nn.Module:
    """The loss of this class in torch.nn, or a faster implementation with the same bits."""
    loss_fn: nn.Module = L1Loss() if layer == "L1Loss" else getattr(nn, layer)()
    return loss_fn


class L1Loss(nn.L1Loss):
    """Mean absolute error, with the same bits as nn.L1Loss; training takes 10 to 20 % less time.

    nn.L1Loss consists of several operations, each of which makes a new tensor of n numbers.
    """

    def forward(self, y_pred: Tensor, y: Tensor) -> Tensor:
        if len(y) < MIN_ROWS:
            return super().forward(y_pred, y)
        loss: Tensor = _MeanAbsolute.apply(y_pred - y)  # type: ignore[no-untyped-call]
        return loss


class _MeanAbsolute(torch.autograd.Function):
    """The mean of |errors|; the backward pass overwrites `errors`, so it can run only once."""

    @staticmethod
    def forward(ctx: Any, errors: Tensor) -> Tensor:
        ctx.save_for_backward(errors)
        return errors.abs().mean()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (errors,), (gradient,) = ctx.saved_tensors, gradients
        found: Tensor = errors.sign_().mul_(gradient / errors.numel())
        return found


def fit_scale(model: nn.Module, train: Samples, world: World) -> None:
    """Sets a standardised model's means and standard deviations to those of the columns of X and y.

    They are computed in float64, piece by piece, so they need no copy of the data and have the
    same bits for any number of threads and processes. A constant column gets the deviation 1.
    """
    if not isinstance(model, Standardized):
        return
    batch, k = full_batch(train, world), train.X.shape[1]

    def mean_power(center: Tensor, power: int) -> Tensor:
        def write_sum(X: Tensor, y: Tensor, term: Tensor) -> None:
            columns = torch.cat([X, y], dim=1).cpu().double()
            torch.sum((columns - center) ** power, dim=0, out=term)

        return sum_over_pieces(write_sum, k + 1, batch, world, CPU, torch.float64) / batch.total

    mean = mean_power(torch.zeros(1, dtype=torch.float64), 1).float()
    # The rounded mean of a constant column is the constant, so its deviation is exactly 0.
    std = mean_power(mean.double(), 2).sqrt().float()
    std[std == 0] = 1
    model.X_mean.copy_(mean[:k])
    model.y_mean.copy_(mean[k:])
    model.X_std.copy_(std[:k])
    model.y_std.copy_(std[k:])


def advise(model: nn.Module, train: Samples, test: Samples, world: World) -> Iterator[str]:
    """Yields a sentence for each parameter that should be changed; the sentence names it."""
    low, high = bounds = bounds_of(train.X, world)
    if not isinstance(model, Standardized):
        reaches = [torch.maximum(-a, b) for a, b in (bounds, bounds_of(train.y, world))]
        far = [size for size in torch.cat(reaches).tolist() if size and not LEAST <= size <= MOST]
        if far:
            yield (
                f"a column of the data reaches {max(far):g}, far from 1; "
                "set train.standardize to true in params.yaml"
            )
    if not coefficients_of(model):  # a linear model may extrapolate

        def write_count(X: Tensor, _: Tensor, term: Tensor) -> None:
            term.copy_((X.lt(low) | X.gt(high)).sum(dim=0))

        batch, (_, k) = full_batch(test, world), test.X.shape
        counts = sum_over_pieces(write_count, k, batch, world, test.X.device, torch.int64)
        count = int(counts.max())
        if count > OUT_OF_RANGE * test.total + FEW:
            yield (
                f"{count:,} of {test.total:,} testing samples are outside the training range; "
                "set split.shuffle to true in params.yaml"
            )


def ranges_of(samples: Samples, world: World) -> list[tuple[float, float]]:
    """The smallest and the largest value of each feature over all processes."""
    low, high = bounds_of(samples.X, world)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def sort_for_median(samples: Samples, world: World) -> float:
    """In process 0, the median of y over all processes; in any other, that of its own share.

    On a CPU, this may reorder y in place, to save memory; its rows then no longer match those of X.
    """
    y = samples.gather(samples.own(samples.y, world), world)
    return float(np.median(y.numpy(), overwrite_input=True)) if len(y) else math.nan


def bounds_of(column: Tensor, world: World) -> tuple[Tensor, Tensor]:
    """For each column of a table (n, k), the smallest and the largest value over all processes."""
    if len(column):
        low, high = column.amin(dim=0), column.amax(dim=0)
    else:  # A process may have no row.
        low, high = (column.new_full((column.shape[1],), end) for end in (torch.inf, -torch.inf))
    return -world.max(-low), world.max(high)
