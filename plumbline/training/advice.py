"""Advice on a training that cannot have learned much; it changes no result."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from plumbline.model import Standardized, is_line, pieces
from plumbline.training.batches import Samples
from plumbline.training.parallel import World

# Beyond these, one learning rate does not suit both the weights and the bias.
SMALL, LARGE = 0.01, 100

# A random split leaves a few testing samples beyond the training ones, but not so many.
SHARE = 0.1


def advise(model: nn.Module, train: Samples, test: Samples, world: World) -> Iterator[str]:
    """A sentence for each parameter that would help, which it names."""
    low, high = _bounds(train.X, world)
    if not isinstance(model, Standardized):
        y_low, y_high = _bounds(train.y, world)
        sizes = torch.cat([torch.maximum(-low, high), torch.maximum(-y_low, y_high)]).abs()
        far = [size for size in sizes.tolist() if size and not SMALL <= size <= LARGE]
        if far:
            yield (
                f"a column of the data reaches {max(far):g}, far from 1; "
                "set train.standardize to true in params.yaml"
            )
    if not is_line(model):
        beyond = torch.zeros(train.X.shape[1], device=train.X.device)
        for (X,) in pieces(test.X):
            beyond += (X.lt(low) | X.gt(high)).sum(dim=0)
        count = int(world.sum(beyond).max())
        if count > SHARE * test.total:
            yield (
                f"{count:,} of {test.total:,} testing samples lie beyond the training samples; "
                "set split.shuffle to true in params.yaml"
            )


def _bounds(column: Tensor, world: World) -> tuple[Tensor, Tensor]:
    """The least and the largest number of each column, of all processes; column: (n, k)."""
    low, high = column.amin(dim=0), column.amax(dim=0)
    return -world.max(-low), world.max(high)
