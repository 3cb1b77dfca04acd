"""The loss of a batch and its gradients, computed on all threads and in all processes.

Each piece gives a row of numbers, wherever it is computed, and the rows are added in the order of
the pieces. So the result has the same bits for any number of threads and processes.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from plumbline.core.errors import UserError
from plumbline.inference.device import compute_pieces
from plumbline.training.batches import Batch, Piece
from plumbline.training.world import World

# Bytes of the rows that a single process keeps before it adds them up.
TABLE = 2**26

UNFIT: dict[type[nn.Module], str] = {
    nn.modules.batchnorm._BatchNorm: "whose result for a sample depends on the others",
    nn.modules.dropout._DropoutNd: "which draws random numbers",
    nn.RReLU: "which draws random numbers",
}


def check_layers(model: nn.Module) -> None:
    """UserError, with its name, for a layer whose result would depend on the pieces or threads."""
    for layer in model.modules():
        for kind, reason in UNFIT.items():
            if isinstance(layer, kind):
                raise UserError(
                    "stages/model.py: wanted layers that compute each sample by itself, "
                    f"got {type(layer).__name__}, {reason}"
                )


def mean_loss(
    loss_of: Callable[[Tensor, Tensor], Tensor], model: nn.Module, batch: Batch, world: World
) -> Tensor:
    """The mean loss of the batch; its `backward()` gives the model's parameters their gradients.

    loss_of: the mean loss of X (n, k) and y (n, 1), which are one piece of the batch.
    """
    if batch.pieces == 1 and world.size == 1:
        ((X, y, _),) = batch.own
        return loss_of(X, y)
    inference = torch.is_inference_mode_enabled()
    parameters = [] if inference else [p for p in model.parameters() if p.requires_grad]

    def row_of(piece: Piece, row: Tensor) -> None:
        X, y, share = piece
        with torch.inference_mode(inference):  # each thread has its own mode
            loss = loss_of(X, y)
            found = [loss.detach() * share]
            if parameters:
                found += torch.autograd.grad(
                    loss, parameters, share, allow_unused=True, materialize_grads=True
                )
            torch.cat([numbers.reshape(-1) for numbers in found], out=row)

    width = 1 + sum(parameter.numel() for parameter in parameters)
    total = sum_of_rows(row_of, width, batch, world, next(model.parameters()).device)
    if inference:
        return total[0]
    loss: Tensor = _Computed.apply(total, *parameters)  # type: ignore[no-untyped-call]
    return loss


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


class _Computed(torch.autograd.Function):
    """The loss total[0], whose gradients are the rest of `total`."""

    @staticmethod
    def forward(ctx: Any, total: Tensor, *parameters: Tensor) -> Tensor:
        gradients = total[1:].split([parameter.numel() for parameter in parameters])
        ctx.gradients = [g.view_as(p) for g, p in zip(gradients, parameters, strict=True)]
        return total[0].clone()

    @staticmethod
    def backward(ctx: Any, *seeds: Tensor) -> Any:
        (seed,) = seeds
        return None, *(seed * gradient for gradient in ctx.gradients)
