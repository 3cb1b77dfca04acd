"""The samples in batches, and each batch in pieces, which all threads and processes compute.

Each piece gives a row of numbers, wherever it is computed, and the rows are added in the order of
the pieces. So the result has the same bits for any number of threads and processes.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.core.tensors import Array, SamplesInfo
from plumbline.inference.device import compute_pieces, piece_size, predict
from plumbline.training.world import World

# Bytes of the rows that a single process keeps before it adds them up.
TABLE = 2**26

UNFIT: dict[type[nn.Module], str] = {
    nn.modules.batchnorm._BatchNorm: "whose result for a sample depends on the others",
    nn.modules.dropout._DropoutNd: "which draws random numbers",
    nn.RReLU: "which draws random numbers",
}

# The mean loss of X (n, k) and y (n, 1), which are one piece of a batch.
LossOfPiece = Callable[[Tensor, Tensor], Tensor]


# The names of columns that have none, such as those of a part of the samples.
NAMELESS = SamplesInfo(features=[""], target="", line=None)


class Samples(NamedTuple):
    """The rows of X and y that this process has, on its device."""

    X: Tensor  # (n, k) float32
    y: Tensor  # (n, 1) float32
    first: int  # the place of the first of them among those of all processes
    total: int  # how many rows there are
    info: SamplesInfo = NAMELESS

    def share(self, world: World) -> Tensor:
        """X of the pieces that are this process's share; they are among its rows."""
        rows = world.rows(self.total, piece_size(self.X.device))
        return self.X[rows.start - self.first : rows.stop - self.first]

    def without_y(self) -> "Samples":
        return self._replace(y=self.y.new_empty(0, 1))


class Piece(NamedTuple):
    """Rows that are computed together, wherever that is."""

    X: Tensor
    y: Tensor
    fraction: Tensor  # its rows / the rows of the batch


class Batch(NamedTuple):
    """The rows of one step, cut in pieces whose boundaries depend on the data alone."""

    own: list[Piece]  # the pieces that this process computes: none, some or all
    first: int  # the place of the first of them among the pieces of all processes
    pieces: int  # how many pieces there are
    total: int  # how many rows they have


def load_share(path: Path, device: torch.device, world: World, whole: bool = False) -> Samples:
    """The rows of a file that are this process's share, or the whole file.

    UserError unless every process finds the same number of rows.
    """
    total = tensors.count_samples(path)
    if not world.agree(total):
        raise UserError(
            f"{path}: wanted the same number of rows in every process, got {total:,} in this one"
        )
    rows = slice(0, total) if whole else world.rows(total, piece_size(device))
    mapped, y, info = tensors.load_samples(path, rows)
    # Copies: the last bits of a matrix product depend on whether its rows start at 16 bytes, which
    # those of a new tensor do, and those of a file need not.
    X = torch.tensor(mapped, device=device)
    del mapped  # so that its pages and the copy of y are not there at once
    return Samples(X, torch.tensor(y, device=device), rows.start, total, info)


def full_batch(samples: Samples, world: World) -> Batch:
    """All samples as one batch."""
    X, y, first, total, _ = samples
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
        X, y, _, total, _ = self.samples
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


def check_model(model: nn.Module, features: int) -> None:
    """UserError, with its name, for a layer whose result would depend on the pieces or threads.

    TypeError unless the model gives y (n, 1) for X (n, features): torch would broadcast silently.
    """
    for layer in model.modules():
        for kind, reason in UNFIT.items():
            if isinstance(layer, kind):
                raise UserError(
                    "train.model: wanted layers that compute each sample by itself, "
                    f"got {type(layer).__name__}, {reason}"
                )
    parameter = next(model.parameters(), torch.empty(0))
    if (got := tuple(model(parameter.new_zeros(2, features)).shape)) != (2, 1):
        raise TypeError(f"wanted forward to return shape (2, 1) for 2 samples, got {got}")


def backward(loss_of: LossOfPiece, model: nn.Module, batch: Batch, world: World) -> Tensor:
    """The mean loss of the batch; sets `.grad` of the model's parameters to its gradients.

    Forward pass, loss and backward pass of each piece run on one of the threads of a process.
    """
    if batch.pieces == 1 and world.size == 1:
        ((X, y, _),) = batch.own
        loss = loss_of(X, y)
        loss.backward()
        return loss.detach()
    parameters = [p for p in model.parameters() if p.requires_grad]

    def write_row(piece: Piece, row: Tensor) -> None:
        X, y, fraction = piece
        loss = loss_of(X, y)
        gradients = torch.autograd.grad(
            loss, parameters, fraction, allow_unused=True, materialize_grads=True
        )
        numbers = [loss.detach() * fraction, *gradients]
        torch.cat([part.reshape(-1) for part in numbers], out=row)

    sizes = [1, *(parameter.numel() for parameter in parameters)]
    device = next(model.parameters()).device
    total = sum_of_rows(write_row, sum(sizes), batch, world, device)
    for parameter, gradient in zip(parameters, total.split(sizes)[1:], strict=True):
        parameter.grad = gradient.view_as(parameter)
    return total[0]


def mean_loss(loss_of: LossOfPiece, samples: Samples, world: World) -> Tensor:
    """The mean loss of all samples, without gradients."""

    def write_loss(piece: Piece, row: Tensor) -> None:
        X, y, fraction = piece
        with torch.inference_mode():  # each thread has its own mode
            row.copy_(loss_of(X, y) * fraction)

    batch = full_batch(samples, world)
    return sum_of_rows(write_loss, 1, batch, world, samples.X.device)[0]


def sum_of_rows(
    row_of: Callable[[Piece, Tensor], None],
    width: int,
    batch: Batch,
    world: World,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """The sum of one row of `width` numbers for each piece, added in their order.

    row_of: writes the numbers of a piece into a row.
    """
    # One process adds as it goes; several keep a row for each piece, and exchange them once.
    size = batch.pieces if world.size > 1 else max(TABLE // (dtype.itemsize * width), world.threads)
    total = torch.zeros(width, device=device, dtype=dtype)
    for start in range(0, batch.pieces, size):
        own = batch.own[start : start + size]
        table = torch.zeros(min(size, batch.pieces - start), width, device=device, dtype=dtype)
        rows = table[batch.first : batch.first + len(own)]
        pairs = list(zip(own, rows, strict=True))
        compute_pieces(lambda pair: row_of(*pair), pairs, device, world.threads)
        world.exchange(table)
        for number, row in enumerate(table, start):
            # 0.0 plus -0.0 is 0.0, so the first row is not added to anything.
            total = total.add_(row) if number else total.copy_(row)
    return total


def predict_all(model: nn.Module, samples: Samples, world: World) -> Array:
    """The predictions (n, 1) for the samples of all processes, in process 0."""
    predicted = predict(model, samples.share(world), world.threads)
    rows: Array = world.gather(predicted, samples.total, piece_size(samples.X.device)).numpy()
    return rows
