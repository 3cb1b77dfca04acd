"""The training loop."""

import math
from collections.abc import Iterable, Iterator
from statistics import fmean
from typing import Annotated

import msgspec
import torch
from torch import Tensor, nn

from plumbline.core.errors import UserError
from plumbline.core.params import NonNegativeInt, Positive, PositiveInt, Seed, one_of
from plumbline.history import Row
from plumbline.inference.predict import check_shape
from plumbline.training.batches import Batches, Samples, full_batch
from plumbline.training.checkpoint import Checkpoint
from plumbline.training.criterion import make_criterion
from plumbline.training.pieces import check_layers, mean_loss
from plumbline.training.scale import objective
from plumbline.training.world import ALONE, World
from stages.losses import LOSSES
from stages.model import MODELS, Standardized, line_of

OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}


class Train(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: Annotated[str, one_of(MODELS)]
    hidden: PositiveInt
    standardize: bool
    seed: Seed
    loss: Annotated[str, one_of(LOSSES)]
    optimizer: Annotated[str, one_of(OPTIMIZERS)]
    lr: Positive
    epochs: PositiveInt
    batch_size: PositiveInt | None
    eval_every: PositiveInt
    checkpoint_every: NonNegativeInt


def fit(
    model: nn.Module,
    train: Samples,
    test: Samples,
    params: Train,
    epochs: Iterable[int],
    world: World = ALONE,
    checkpoint: Checkpoint | None = None,
) -> Iterator[Row]:
    """Trains `model` in place; yields a row for each `eval_every` epochs and for the last one.

    The result has the same bits for any number of threads and processes. Raises UserError for a
    layer that rules this out, and with the epoch when a loss, the weight or the bias is no longer
    finite.
    """
    check_layers(model)
    check_shape(model(train.X.new_zeros(2, train.X.shape[1])), 2)
    net, loss_fn = objective(model, make_criterion(params.loss))
    optimizer = OPTIMIZERS[params.optimizer](model.parameters(), lr=params.lr)
    order = torch.Generator().manual_seed(params.seed)
    done = checkpoint.restore(model, optimizer, order) if checkpoint else 0
    if not world.agree(done):
        raise UserError("the checkpoint is not in a folder that all processes share; remove it")
    yield from checkpoint.rows if checkpoint else ()

    def loss_of(X: Tensor, y: Tensor) -> Tensor:
        y_pred = net(X)
        return loss_fn(y_pred, y)

    batches = Batches(train, params.batch_size, order, world)
    test_batch = full_batch(test, world)
    model.train()
    for epoch in epochs:
        if epoch < done:
            continue

        losses, sizes = [], []
        for batch in batches:
            loss = mean_loss(loss_of, model, batch, world)  # on all threads and processes
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
            sizes.append(batch.total)

        # Reading a number makes an accelerator wait, so only the epochs that are kept are read.
        if epoch % params.eval_every == 0 or epoch == params.epochs - 1:
            model.eval()
            with torch.inference_mode():
                test_loss = mean_loss(loss_of, model, test_batch, world)
            model.train()
            mean_train_loss = fmean(torch.stack(losses).tolist(), sizes)
            weight, bias = line_of(model) or (None, None)
            y_std = model.y_std.item() if isinstance(model, Standardized) else None
            row = Row(epoch, mean_train_loss, test_loss.item(), weight, bias, y_std)
            _check_finite(row, params)
            yield row
            if checkpoint:
                checkpoint.rows.append(row)
        if checkpoint and (epoch + 1) % checkpoint.every == 0 and not world.rank:
            checkpoint.save(epoch + 1, model, optimizer, order)


def _check_finite(row: Row, params: Train) -> None:
    if not all(math.isfinite(number) for number in row if number is not None):
        scale = "" if params.standardize else ", or set train.standardize to true,"
        raise UserError(
            f"epoch {row.epoch}: wanted a finite loss, got nan or inf; "
            f"lower train.lr ({params.lr}){scale} in params.yaml"
        )
