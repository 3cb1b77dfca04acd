"""Train a model to find the line; keep its state_dict, its history and its predictions.

Usage: python -m stages.train TRAIN TEST MODEL HISTORY PREDICTIONS
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec
import torch
from torch import Tensor, nn
from tqdm import tqdm

from stages import device, history, tensors
from stages.command import run
from stages.history import Row
from stages.model import MODELS, line, pieces, predict, save_model
from stages.params import Count, Positive, Seed, load

LOSSES = {"l1": nn.L1Loss, "mse": nn.MSELoss, "huber": nn.HuberLoss}
OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}

Samples = tuple[Tensor, Tensor]  # X and y, each (n, 1) float32, on one device


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


class Params(msgspec.Struct, frozen=True):
    """What this stage reads of params.yaml."""

    device: str
    train: Train


def losses(model: nn.Module, criterion: nn.Module, samples: Samples) -> Iterator[Tensor]:
    """Scalars that add up to the mean loss over all samples, one for each piece of them."""
    for X, y in pieces(*samples):
        yield criterion(model(X), y) * (len(X) / len(samples[0]))


def step(
    model: nn.Module, criterion: nn.Module, optimizer: torch.optim.Optimizer, samples: Samples
) -> Tensor:
    """One step down the gradient of the mean loss; the result is the loss before it."""
    optimizer.zero_grad()
    total = torch.zeros(())
    for loss in losses(model, criterion, samples):
        loss.backward()
        total = total + loss.detach()
    optimizer.step()
    return total


def batches(samples: Samples, size: int | None, generator: torch.Generator) -> Iterator[Samples]:
    """Every sample once: all together and in order, or shuffled, in batches of `size`."""
    X, y = samples
    if size is None or size >= len(X):
        yield samples
    else:
        for rows in torch.randperm(len(X), generator=generator).to(X.device).split(size):
            yield X[rows], y[rows]


def fit(
    model: nn.Module, train: Samples, test: Samples, params: Train, epochs: Iterable[int]
) -> Iterator[Row]:
    """Trains `model` in place and yields a row for each epoch that `eval_every` divides.

    Raises ValueError with the epoch when the loss, the weight or the bias is no longer finite.
    """
    # Several threads would split a sum where their number says, and its last bits with it.
    torch.set_num_threads(1)
    # glibc gives freed blocks back to the system, at the cost of a page fault for every 4 KB when
    # they are needed again, up to the size of the largest block that it has seen freed.
    torch.empty(31 * 2**20, dtype=torch.uint8)
    criterion = LOSSES[params.loss]()
    optimizer = OPTIMIZERS[params.optimizer](model.parameters(), lr=params.lr)
    generator = torch.Generator().manual_seed(params.seed)
    for epoch in epochs:
        model.train()
        train_loss = torch.zeros(())
        for batch in batches(train, params.batch_size, generator):
            share = len(batch[0]) / len(train[0])
            train_loss = train_loss + step(model, criterion, optimizer, batch) * share
        # To read a number makes an accelerator wait, so only the epochs that are kept are read.
        if epoch % params.eval_every == 0:
            model.eval()
            with torch.inference_mode():
                test_loss = sum(losses(model, criterion, test), start=torch.zeros(()))
            row = Row(epoch, train_loss.item(), test_loss.item(), *line(model))
            _check(row, epoch, params.lr)
            yield row
    _check(line(model), params.epochs, params.lr)


def _check(numbers: Iterable[float], epoch: int, lr: float) -> None:
    if not all(map(math.isfinite, numbers)):
        raise ValueError(
            f"epoch {epoch}: wanted a finite loss, weight and bias, got nan or inf; "
            f"lower train.lr ({lr}) in params.yaml"
        )


def main(
    train_path: Path, test_path: Path, model_path: Path, history_path: Path, predictions_path: Path
) -> None:
    params = load(Params)
    on = device.pick(params.device)
    train, test = (_samples(path, on) for path in (train_path, test_path))
    torch.manual_seed(params.train.seed)
    model = MODELS[params.train.model]().to(on)
    print("start: weight {:.4f}, bias {:.4f}".format(*line(model)))
    print("epoch  train loss  test loss")
    rows = []
    epochs = tqdm(range(params.train.epochs), unit="epoch", disable=None, delay=1, leave=False)
    for row in fit(model, train, test, params.train, epochs):
        tqdm.write(f"{row.epoch:5}  {row.train_loss:10.3f}  {row.test_loss:9.3f}")
        rows.append(row)
    print("end: weight {:.4f}, bias {:.4f}".format(*line(model)))
    X_train, X_test = train[0], test[0]
    del train, test  # What y took makes room for the predictions.
    predictions = {"train": predict(model, X_train).numpy(), "test": predict(model, X_test).numpy()}
    first = " ".join(f"{y:.4f}" for y in predictions["test"][:20, 0])
    print(f"test predictions: {first}{' ...' if len(predictions['test']) > 20 else ''}")
    tensors.save(predictions_path, predictions)
    save_model(model_path, params.train.model, model)
    history.save(history_path, rows)


def _samples(path: Path, on: torch.device) -> Samples:
    X, y = tensors.load_samples(path)
    return torch.from_numpy(X).to(on), torch.from_numpy(y).to(on)


if __name__ == "__main__":
    run(main)
