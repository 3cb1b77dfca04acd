"""The mean loss over the samples of all processes, and the step that lowers it."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from stages.model import pieces
from stages.processes import Processes

LOSSES = {"l1": nn.L1Loss, "mse": nn.MSELoss, "huber": nn.HuberLoss}


def mean_loss(
    model: nn.Module, criterion: nn.Module, X: Tensor, y: Tensor, total: int, processes: Processes
) -> Tensor:
    """The mean over `total` samples, of which X and y, (n, 1), are this process's."""
    model.eval()
    with torch.inference_mode():
        loss = sum(_terms(model, criterion, X, y, total), start=_zero(model))
        processes.add_up(loss)
    return loss


def step(
    model: nn.Module,
    criterion: nn.Module,
    optimizer: torch.optim.Optimizer,
    X: Tensor,
    y: Tensor,
    total: int,
    processes: Processes,
) -> Tensor:
    """Takes one step down the gradient of `mean_loss`; the result is the loss before it."""
    model.train()
    optimizer.zero_grad()
    loss = _zero(model)
    for term in _terms(model, criterion, X, y, total):
        term.backward()
        loss = loss + term.detach()
    processes.add_up(loss)
    processes.add_up_gradients(model)
    optimizer.step()
    return loss


def _terms(
    model: nn.Module, criterion: nn.Module, X: Tensor, y: Tensor, total: int
) -> Iterator[Tensor]:
    """What this process's samples add to the mean over all, piece by piece."""
    for X_piece, y_piece in pieces(X, y):
        # A process may have none of a small batch, and the mean of nothing is nan.
        if len(X_piece):
            yield criterion(model(X_piece), y_piece) * (len(X_piece) / total)


def _zero(model: nn.Module) -> Tensor:
    return torch.zeros((), device=next(model.parameters()).device)
