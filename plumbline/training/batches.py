"""The samples of this process, in batches, and each batch in pieces that fit the cache."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from plumbline.core import tensors
from plumbline.model import pieces
from plumbline.training.parallel import World


class Samples(NamedTuple):
    """The rows of X and y that this process has, on its device."""

    X: Tensor  # (n, k) float32
    y: Tensor  # (n, 1) float32
    first: int  # the place of the first of them among those of all processes
    total: int  # how many rows all processes have


class Batch(NamedTuple):
    """The rows of one step that this process has: none, some or all of them."""

    # X and y of each piece, and its share of all rows of the step; a small batch is one piece.
    pieces: list[tuple[Tensor, Tensor, Tensor]]
    total: int  # how many rows of this step all processes have


def batch_of(X: Tensor, y: Tensor, total: int) -> Batch:
    """The batch of these rows, out of `total` that all processes have; X: (n, k), y: (n, 1)."""
    # A process may have no row of a small batch, and the mean loss of nothing is nan.
    cut = [(X, y) for X, y in pieces(X, y) if X.shape[0]]
    return Batch([(X, y, X.new_full((), X.shape[0] / total)) for X, y in cut], total)


def load_share(path: Path, device: torch.device, world: World) -> Samples:
    """The rows of a file that are this process's share; no other row is read."""
    X, y, _ = tensors.load_samples(path, world.rows if world.size > 1 else None)
    n = int(world.sum(torch.tensor(len(X))))
    first = world.rows(n).start
    return Samples(torch.from_numpy(X).to(device), torch.from_numpy(y).to(device), first, n)


class Batches:
    """All samples in one batch, or in shuffled batches of `size`: each iteration is an epoch."""

    def __init__(self, samples: Samples, size: int | None, order: torch.Generator) -> None:
        self.samples, self.order = samples, order
        self.size = samples.total if size is None else size
        self.full = batch_of(samples.X, samples.y, samples.total)

    def __iter__(self) -> Iterator[Batch]:
        X, y, first, total = self.samples
        if self.size >= total:
            yield self.full
            return
        for rows in torch.randperm(total, generator=self.order).split(self.size):
            own = rows
            if len(X) < total:
                own = rows[(rows >= first) & (rows < first + len(X))] - first
            # Non-blocking: waiting for each copy would leave an accelerator idle.
            own = own.to(X.device, non_blocking=True)
            yield batch_of(X[own], y[own], len(rows))
