"""The mean loss over the samples of all processes, and the step that lowers it."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from plumbline.model import pieces
from plumbline.training.parallel import Processes

LOSSES = {"l1": nn.L1Loss, "mse": nn.MSELoss, "huber": nn.HuberLoss}


Batch = tuple[Tensor, Tensor, int]  # X and y, (n, 1) here, and how many samples all processes have


def mean_loss(model: nn.Module, criterion: nn.Module, batch: Batch, processes: Processes) -> Tensor:
    """The mean loss over the samples of a batch."""
    model.eval()
    with torch.inference_mode():
        loss = _sum(list(_terms(model, criterion, batch)), model)
        processes.add_up(loss)
    model.train()
    return loss


def step(
    model: nn.Module,
    criterion: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    processes: Processes,
) -> Tensor:
    """Takes one step down the gradient of the mean loss; the result is the loss before it."""
    model.zero_grad()
    terms = []
    for term in _terms(model, criterion, batch):
        term.backward()
        terms.append(term.detach())
    loss = _sum(terms, model)
    processes.add_up(loss)
    processes.add_up_gradients(model)
    optimizer.step()
    return loss


def _terms(model: nn.Module, criterion: nn.Module, batch: Batch) -> Iterator[Tensor]:
    """What this process's samples add to the mean over all, piece by piece."""
    X, y, total = batch
    for X_piece, y_piece in pieces(X, y):
        # A process may have none of a small batch, and the mean of nothing is nan.
        if n := X_piece.shape[0]:
            loss = criterion(model(X_piece), y_piece)
            yield loss if n == total else loss * (n / total)


def _sum(terms: list[Tensor], model: nn.Module) -> Tensor:
    if len(terms) == 1:
        return terms[0]
    return sum(terms, start=torch.zeros((), device=next(model.parameters()).device))
