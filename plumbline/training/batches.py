"""Divides samples into batches, and batches into pieces, which threads and processes share.

The result of each piece is a term, and the terms are added in the order of the pieces. So the sum
has the same bits for any number of threads and processes.
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

# A single process adds up its terms whenever they take this many bytes.
TERMS_BYTES = 2**26

UNSUPPORTED: dict[type[nn.Module], str] = {
    nn.modules.batchnorm._BatchNorm: "whose result for a sample depends on the others",
    nn.modules.dropout._DropoutNd: "which draws random numbers",
    nn.RReLU: "which draws random numbers",
}

Piece = tuple[Tensor, Tensor]  # X (n, k) and y (n, 1)
LossOf = Callable[[Tensor, Tensor], Tensor]  # the mean loss of a piece


class Samples(NamedTuple):
    """The rows of X and y that this process holds, on its device."""

    X: Tensor  # (n, k) float32
    y: Tensor  # (n, 1) float32
    first: int  # the index of this process's first row among the rows of all processes
    total: int  # the number of rows of all processes

    def without_y(self) -> "Samples":
        return self._replace(y=self.y.new_empty(0, 1))

    def own(self, column: Tensor, world: World) -> Tensor:
        """The rows of `column`, which is X or y, in the pieces that this process computes."""
        rows = world.rows(self.total, piece_size(column.device))
        return column[rows.start - self.first : rows.stop - self.first]

    def gather(self, own: Tensor, world: World) -> Tensor:
        """In process 0, all rows of a column, on the CPU; own: the rows of this process."""
        return world.gather(own.cpu(), self.total, piece_size(self.X.device))


class Batch(NamedTuple):
    """The rows of one step, cut into the same pieces for any number of processes."""

    own: list[Piece]  # the pieces that this process computes: none, some or all
    first_piece: int  # the index of the first of them among all pieces of the batch
    piece_count: int  # the number of pieces of the batch, over all processes
    total: int  # the number of rows of the batch, over all processes


def load_share(
    path: Path, device: torch.device, world: World, whole: bool = False
) -> tuple[Samples, SamplesInfo]:
    """A process's share of the rows in a file, or all if `whole`, and the names of the columns.

    UserError unless every process finds the same number of rows.
    """
    total = tensors.count_samples(path)
    if not world.agree(total):
        raise UserError(
            f"{path}: wanted the same number of rows in every process, got {total:,} in this one"
        )
    rows = slice(0, total) if whole else world.rows(total, piece_size(device))
    mapped, y, info = tensors.load_samples(path, rows)
    # Copies, because a new tensor is aligned to 16 bytes and a mapped file may not be. Alignment
    # can change the last bits of a matrix product.
    X = torch.tensor(mapped, device=device)
    del mapped  # frees its memory before y is copied
    return Samples(X, torch.tensor(y, device=device), rows.start, total), info


def full_batch(samples: Samples, world: World) -> Batch:
    """All samples as one batch."""
    X, y, first, total = samples
    size = piece_size(X.device)
    starts = range(0, total, size)
    own = world.pieces(len(starts))
    rows = [slice(start - first, start - first + size) for start in starts[own]]
    return Batch([(X[piece], y[piece]) for piece in rows], own.start, len(starts), total)


class Batches:
    """An epoch per iteration: shuffled batches of `size`; all in order if it is 0 or >= `total`."""

    def __init__(self, samples: Samples, size: int, order: torch.Generator, world: World) -> None:
        self.samples, self.order, self.world = samples, order, world
        self.size = size or samples.total
        self.full = full_batch(samples, world)

    def __iter__(self) -> Iterator[Batch]:
        X, y, _, total = self.samples
        if self.size >= total:
            yield self.full
            return
        for rows in torch.randperm(total, generator=self.order).split(self.size):
            pieces = rows.split(piece_size(X.device))
            own = self.world.pieces(len(pieces))
            # Non-blocking: waiting for each copy would leave an accelerator idle.
            places = [piece.to(X.device, non_blocking=True) for piece in pieces[own]]
            yield Batch([(X[p], y[p]) for p in places], own.start, len(pieces), len(rows))


def check_model(model: nn.Module, features: int) -> None:
    """Raises UserError for a layer whose result would depend on the pieces or the threads.

    TypeError unless forward returns shape (n, 1): a loss would silently broadcast other shapes.
    """
    for layer in model.modules():
        for kind, reason in UNSUPPORTED.items():
            if isinstance(layer, kind):
                raise UserError(
                    "train.model: wanted layers that compute each sample by itself, "
                    f"got {type(layer).__name__}, {reason}"
                )
    parameter = next(model.parameters(), torch.empty(0))
    if (got := tuple(model(parameter.new_zeros(2, features)).shape)) != (2, 1):
        raise TypeError(f"wanted forward to return shape (2, 1) for 2 samples, got {got}")


def backward(loss_of: LossOf, model: nn.Module, batch: Batch, world: World) -> Tensor:
    """The mean loss of the batch; sets each parameter's `.grad`, which zero_grad must have cleared.

    The forward pass, loss and backward pass of a piece run in a single thread. With several pieces
    or processes, the gradient of a parameter that the loss does not use is 0, not None.
    """
    if batch.piece_count == 1 and world.size == 1:
        loss = loss_of(*batch.own[0])
        loss.backward()
        return loss.detach()
    parameters = [p for p in model.parameters() if p.requires_grad]

    def write_term(X: Tensor, y: Tensor, term: Tensor) -> None:
        loss, fraction = loss_of(X, y), X.new_full((), len(X) / batch.total)
        gradients = torch.autograd.grad(
            loss, parameters, fraction, allow_unused=True, materialize_grads=True
        )
        numbers = [loss.detach() * fraction, *gradients]
        torch.cat([part.reshape(-1) for part in numbers], out=term)

    sizes = [1, *(parameter.numel() for parameter in parameters)]
    found = sum_over_pieces(write_term, sum(sizes), batch, world, parameters[0].device)
    for parameter, gradient in zip(parameters, found.split(sizes)[1:], strict=True):
        parameter.grad = gradient.view_as(parameter)
    return found[0]


def mean_loss(loss_of: LossOf, samples: Samples, world: World) -> Tensor:
    """The mean loss of all samples, without gradients."""

    def write_loss(X: Tensor, y: Tensor, term: Tensor) -> None:
        with torch.inference_mode():  # each thread has its own mode
            term.copy_(loss_of(X, y) * (len(X) / samples.total))

    return sum_over_pieces(write_loss, 1, full_batch(samples, world), world, samples.X.device)[0]


def sum_over_pieces(
    write_term: Callable[[Tensor, Tensor, Tensor], None],
    width: int,
    batch: Batch,
    world: World,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """The sum of the terms of all pieces, added in the order of the pieces.

    write_term(X, y, term): computes the term of a piece, `width` numbers, and writes it to `term`.
    """
    # A single process adds up terms in groups; several processes exchange all terms in one step.
    most = max(TERMS_BYTES // (dtype.itemsize * width), world.threads)
    size = batch.piece_count if world.size > 1 else most
    found = torch.zeros(width, device=device, dtype=dtype)
    for start in range(0, batch.piece_count, size):
        own = batch.own[start : start + size]
        terms = torch.zeros(min(size, batch.piece_count - start), width, device=device, dtype=dtype)
        tasks = list(zip(own, terms[batch.first_piece : batch.first_piece + len(own)], strict=True))
        compute_pieces(lambda task: write_term(*task[0], task[1]), tasks, device, world.threads)
        world.exchange(terms)
        for number, term in enumerate(terms, start):
            # The first term is copied, because adding it to 0.0 would turn -0.0 into 0.0.
            (found.add_ if number else found.copy_)(term)
    return found


def predict_all(model: nn.Module, samples: Samples, world: World) -> Array:
    """In process 0, the predictions (n, 1) for the samples of all processes."""
    predicted = predict(model, samples.own(samples.X, world), world.threads)
    rows: Array = samples.gather(predicted, world).numpy()
    return rows
