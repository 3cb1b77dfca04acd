"""The training loop: epochs of steps down the loss, evaluated every so often."""

import math
from collections.abc import Iterable, Iterator
from statistics import fmean
from typing import Literal

import msgspec
import torch
from torch import nn

from plumbline.core.params import Count, Positive, Seed, Whole
from plumbline.history import Row
from plumbline.model import line
from plumbline.training.batches import Samples, batches
from plumbline.training.checkpoint import Checkpoint
from plumbline.training.loss import LOSSES, mean_loss, step
from plumbline.training.parallel import ALONE, Processes

OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}


class Train(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The section `train`; its meaning stands in params.yaml."""

    model: Literal["linear", "parameters"]
    seed: Seed
    loss: Literal["l1", "mse", "huber"]
    optimizer: Literal["sgd", "adam"]
    lr: Positive
    epochs: Count
    batch_size: Count | None
    eval_every: Count
    checkpoint_every: Whole


def fit(
    model: nn.Module,
    train: Samples,
    test: Samples,
    params: Train,
    epochs: Iterable[int],
    processes: Processes = ALONE,
    checkpoint: Checkpoint | None = None,
) -> Iterator[Row]:
    """Trains `model` in place and yields a row for each epoch that `eval_every` divides.

    Raises ValueError with the epoch when the loss, the weight or the bias is no longer finite.
    """
    criterion = LOSSES[params.loss]()
    optimizer = OPTIMIZERS[params.optimizer](model.parameters(), lr=params.lr)
    generator = torch.Generator().manual_seed(params.seed)
    model.train()
    done = checkpoint.restore(model, optimizer, generator) if checkpoint else 0
    if not processes.agree(done):
        raise ValueError("the checkpoint is not in a folder that all processes share; remove it")
    yield from checkpoint.rows if checkpoint else ()
    for epoch in epochs:
        if epoch < done:
            continue
        losses, sizes = [], []
        for batch in batches(train, params.batch_size, generator):
            losses.append(step(model, criterion, optimizer, batch, processes))
            sizes.append(batch[2])
        # To read a number makes an accelerator wait, so only the epochs that are kept are read.
        if epoch % params.eval_every == 0:
            train_loss = fmean(torch.stack(losses).tolist(), sizes)
            test_loss = mean_loss(model, criterion, (test.X, test.y, test.total), processes)
            row = Row(epoch, train_loss, test_loss.item(), *line(model))
            _check(row, epoch, params.lr)
            yield row
            if checkpoint:
                checkpoint.rows.append(row)
        if checkpoint and (epoch + 1) % checkpoint.every == 0 and not processes.rank:
            checkpoint.save(epoch + 1, model, optimizer, generator)
    _check(line(model), params.epochs, params.lr)


def _check(numbers: Iterable[float], epoch: int, lr: float) -> None:
    if not all(map(math.isfinite, numbers)):
        raise ValueError(
            f"epoch {epoch}: wanted a finite loss, weight and bias, got nan or inf; "
            f"lower train.lr ({lr}) in params.yaml"
        )
