"""The samples in batches, and each batch in pieces, of which this process has its share."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.inference.device import to_device
from plumbline.inference.predict import piece_size
from plumbline.training.world import World


class Samples(NamedTuple):
    """The rows of X and y that this process has, on its device."""

    X: Tensor  # (n, k) float32
    y: Tensor  # (n, 1) float32
    first: int  # the place of the first of them among those of all processes
    total: int  # how many rows there are

    def share(self, world: World) -> Tensor:
        """X of the pieces that are this process's share; they are among its rows."""
        rows = world.rows(self.total, piece_size(self.X.device))
        return self.X[rows.start - self.first : rows.stop - self.first]


class Piece(NamedTuple):
    """Rows that are computed together, wherever that is."""

    X: Tensor
    y: Tensor
    share: Tensor  # its fraction of the rows of the step


class Batch(NamedTuple):
    """The rows of one step, cut in pieces whose boundaries depend on the data alone."""

    own: list[Piece]  # the pieces that this process computes: none, some or all
    first: int  # the place of the first of them among the pieces of all processes
    pieces: int  # how many pieces there are
    total: int  # how many rows they have


def load_share(path: Path, device: torch.device, world: World, whole: bool = False) -> Samples:
    """The rows of a file that are this process's share, or the whole file.

    UserError unless the files of all processes have as many rows.
    """
    total = tensors.count_samples(path)
    if not world.agree(total):
        raise UserError(f"{path}: wanted as many rows in all processes, got {total:,} in this one")
    rows = slice(0, total) if whole else world.rows(total, piece_size(device))
    mapped, y, _ = tensors.load_samples(path, rows)
    X = to_device(mapped, device)
    del mapped  # so that its pages and the copy of y are not there at once
    return Samples(X, to_device(y, device), rows.start, total)


def full_batch(samples: Samples, world: World) -> Batch:
    """All samples as one batch."""
    X, y, first, total = samples
    size = piece_size(X.device)
    starts = range(0, total, size)
    place = world.pieces(len(starts))
    rows = [slice(start - first, start - first + size) for start in starts[place]]
    own = [_piece(X[piece], y[piece], total) for piece in rows]
    return Batch(own, place.start, len(starts), total)


def _piece(X: Tensor, y: Tensor, total: int) -> Piece:
    return Piece(X, y, X.new_full((), X.shape[0] / total))


class Batches:
    """All samples in one batch, or in shuffled batches of `size`: each iteration is an epoch."""

    def __init__(
        self, samples: Samples, size: int | None, order: torch.Generator, world: World
    ) -> None:
        self.samples, self.order, self.world = samples, order, world
        self.size = samples.total if size is None else size
        self.full = full_batch(samples, world)

    def __iter__(self) -> Iterator[Batch]:
        X, y, _, total = self.samples
        if self.size >= total:
            yield self.full
            return
        for rows in torch.randperm(total, generator=self.order).split(self.size):
            pieces = rows.split(piece_size(X.device))
            place = self.world.pieces(len(pieces))
            # Non-blocking: waiting for each copy would leave an accelerator idle.
            places = [piece.to(X.device, non_blocking=True) for piece in pieces[place]]
            own = [_piece(X[piece], y[piece], len(rows)) for piece in places]
            yield Batch(own, place.start, len(pieces), len(rows))
