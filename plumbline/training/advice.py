"""Advice on a training that cannot have learned much; it changes no result."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from plumbline.training.batches import Piece, Samples, full_batch
from plumbline.training.pieces import sum_of_rows
from plumbline.training.world import World
from stages.model import Standardized, is_line

# Beyond these, one learning rate does not suit both the weights and the bias.
SMALL, LARGE = 0.01, 100

# A random split leaves a few testing samples beyond the training ones, but not so many.
SHARE = 0.1


def advise(model: nn.Module, train: Samples, test: Samples, world: World) -> Iterator[str]:
    """A sentence for each parameter that would help, which it names."""
    low, high = _bounds(train.X, world)
    if not isinstance(model, Standardized):
        y_low, y_high = _bounds(train.y, world)
        sizes = torch.cat([torch.maximum(-low, high), torch.maximum(-y_low, y_high)])
        far = [size for size in sizes.tolist() if size and not SMALL <= size <= LARGE]
        if far:
            yield (
                f"a column of the data reaches {max(far):g}, far from 1; "
                "set train.standardize to true in params.yaml"
            )
    if not is_line(model):

        def count_beyond(piece: Piece, row: Tensor) -> None:
            row.copy_((piece.X.lt(low) | piece.X.gt(high)).sum(dim=0))

        batch, (_, features) = full_batch(test, world), test.X.shape
        counts = sum_of_rows(count_beyond, features, batch, world, test.X.device, torch.int64)
        count = int(counts.max())
        if count > SHARE * test.total:
            yield (
                f"{count:,} of {test.total:,} testing samples lie beyond the training samples; "
                "set split.shuffle to true in params.yaml"
            )


def _bounds(column: Tensor, world: World) -> tuple[Tensor, Tensor]:
    """The least and the largest number of each column, of all processes; column: (n, k)."""
    if len(column):
        low, high = column.amin(dim=0), column.amax(dim=0)
    else:  # A process may have no row.
        low, high = (column.new_full((column.shape[1],), end) for end in (torch.inf, -torch.inf))
    return -world.max(-low), world.max(high)
