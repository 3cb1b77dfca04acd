"""The training loop."""

from collections.abc import Callable
from statistics import fmean
from typing import Annotated

import msgspec
import torch
from torch import Tensor, nn
from tqdm import tqdm

from plumbline.core.errors import UserError
from plumbline.core.params import NonNegativeInt, Positive, PositiveInt, Seed, one_of
from plumbline.core.tensors import Recipe
from plumbline.history import Epoch
from plumbline.inference.model import Standardized, arguments_of, line_of, make_model
from plumbline.training.batches import Batches, Samples, backward, check_model, mean_loss
from plumbline.training.checkpoint import Checkpoint
from plumbline.training.objective import objective
from plumbline.training.world import ALONE, World
from stages.losses import LOSSES
from stages.model import MODELS

OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}


class Train(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The section `train` of params.yaml, where a comment explains each key."""

    model: Annotated[str, one_of(MODELS)]
    hidden: PositiveInt
    standardize: bool
    seed: Seed
    loss: Annotated[str, one_of(LOSSES)]
    optimizer: Annotated[str, one_of(OPTIMIZERS)]
    lr: Positive
    epochs: PositiveInt
    batch_size: NonNegativeInt
    eval_every: PositiveInt
    last: PositiveInt
    checkpoint_every: NonNegativeInt


class DivergedError(UserError):
    """A loss, the weight or the bias is not finite."""


def recipe_of(params: Train, features: int) -> Recipe:
    """The name, number of features and settings from which `make_model` builds the model."""
    settings = {key: getattr(params, key) for key in arguments_of(MODELS[params.model])}
    return Recipe(params.model, features, settings, params.standardize)


def new_model(recipe: Recipe, seed: int) -> nn.Module:
    """A new model, its weights drawn with this seed."""
    torch.manual_seed(seed)
    return make_model(recipe, MODELS)


def is_evaluated(epoch: int, params: Train) -> bool:
    return epoch % params.eval_every == 0 or epoch >= params.epochs - params.last


def fit(
    model: nn.Module,
    train: Samples,
    test: Samples,
    params: Train,
    world: World = ALONE,
    checkpoint: Checkpoint | None = None,
    show: Callable[[Epoch], None] = lambda _: None,
) -> list[Epoch]:
    """Trains `model`; returns a row for each `eval_every`-th epoch and for the final `last` epochs.

    Calls `show` with each row as soon as it is known. The results have the same bits for any number
    of threads and processes; UserError names a layer that would prevent this. DivergedError names
    the first evaluated epoch with a number that is not finite.
    """
    check_model(model, train.X.shape[1])
    predict, loss_fn = objective(model, LOSSES[params.loss].layer)
    optimizer = OPTIMIZERS[params.optimizer](model.parameters(), lr=params.lr)
    order = torch.Generator().manual_seed(params.seed)
    done, rows = checkpoint.resume(model, optimizer, order, world) if checkpoint else (0, [])
    for row in rows:
        show(row)

    def loss_of(X: Tensor, y: Tensor) -> Tensor:
        y_pred = predict(X)
        return loss_fn(y_pred, y)

    batches = Batches(train, params.batch_size, order, world)
    epochs = tqdm(range(done, params.epochs), "epochs", disable=None, delay=1, leave=False)
    for epoch in epochs:
        model.train()
        losses = []
        for batch in batches:
            optimizer.zero_grad()
            loss = backward(loss_of, model, batch, world)  # loss_of and its gradients, on all cores
            optimizer.step()
            losses.append((loss, batch.total))

        # Reading a loss waits for the accelerator, so only evaluated epochs read it.
        if is_evaluated(epoch, params):
            model.eval()
            with torch.inference_mode():
                test_loss = mean_loss(loss_of, test, world)
            rows.append(make_row(epoch, losses, test_loss, model, params))
            show(rows[-1])
        if checkpoint:
            checkpoint.save_if_due(epoch + 1, rows)
    return rows


def make_row(
    epoch: int, losses: list[tuple[Tensor, int]], test_loss: Tensor, model: nn.Module, params: Train
) -> Epoch:
    """The row of an epoch; losses: the mean loss and the number of samples of each batch."""
    values, sizes = zip(*losses, strict=True)
    weight, bias = line_of(model) or (None, None)
    y_std = model.y_std.item() if isinstance(model, Standardized) else None
    train_loss = fmean(torch.stack(values).tolist(), sizes)
    row = Epoch(epoch, train_loss, test_loss.item(), weight, bias, y_std)
    if not row.is_finite:
        scale = "" if params.standardize else ", or set train.standardize to true,"
        raise DivergedError(
            f"epoch {epoch}: wanted a finite loss, got nan or inf; "
            f"lower train.lr ({params.lr}){scale} in params.yaml"
        )
    return row
