"""Train a model to find the line; keep its state_dict, its history and its predictions.

Usage: python -m stages.train TRAIN TEST MODEL HISTORY PREDICTIONS
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import fmean
from typing import Literal

import msgspec
import torch
from msgspec.structs import replace
from torch import nn
from tqdm import tqdm

from stages import device, history, samples, tensors
from stages.checkpoint import Checkpoint, beside, identity
from stages.command import run
from stages.history import Row
from stages.loss import LOSSES, mean_loss, step
from stages.model import MODELS, line, predict, save_model
from stages.params import Count, Positive, Seed, Whole, load
from stages.processes import ALONE, Processes, are_asked_for, join, start
from stages.samples import Samples, batches

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


class Params(msgspec.Struct, frozen=True):
    """What this stage reads of params.yaml."""

    device: str
    train: Train


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
    # glibc gives freed blocks back to the system, at the cost of a page fault for every 4 KB when
    # they are needed again, up to the size of the largest block that it has seen freed.
    torch.empty(31 * 2**20, dtype=torch.uint8)
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


def main(
    train_path: Path, test_path: Path, model_path: Path, history_path: Path, predictions_path: Path
) -> None:
    if are_asked_for():
        start("stages.train")
        return
    processes = join()
    params = load(Params)
    on = device.pick(params.device)
    train, test = (samples.load(path, on, processes) for path in (train_path, test_path))
    torch.manual_seed(params.train.seed)
    model = MODELS[params.train.model]().to(on)
    print("start: weight {:.4f}, bias {:.4f}".format(*line(model)))
    print("epoch  train loss  test loss")
    checkpoint, every = None, params.train.checkpoint_every
    if every:
        settings = (replace(params.train, checkpoint_every=0), str(on), processes.size)
        own = identity(settings, (train_path, test_path))
        checkpoint = Checkpoint(beside(model_path), own, every)
    rows = []
    epochs = tqdm(range(params.train.epochs), unit="epoch", disable=None, delay=1, leave=False)
    for row in fit(model, train, test, params.train, epochs, processes, checkpoint):
        tqdm.write(f"{row.epoch:5}  {row.train_loss:10.3f}  {row.test_loss:9.3f}")
        rows.append(row)
    print("end: weight {:.4f}, bias {:.4f}".format(*line(model)))
    inputs = {"train": (train.X, train.total), "test": (test.X, test.total)}
    del train, test  # What y took makes room for the predictions.
    predictions = {
        name: processes.gather(predict(model, X), total).numpy()
        for name, (X, total) in inputs.items()
    }
    if processes.rank:
        return
    first = " ".join(f"{y:.4f}" for y in predictions["test"][:20, 0])
    print(f"test predictions: {first}{' ...' if len(predictions['test']) > 20 else ''}")
    tensors.save(predictions_path, predictions)
    save_model(model_path, params.train.model, model)
    history.save(history_path, rows)
    if checkpoint:
        checkpoint.path.unlink(missing_ok=True)


if __name__ == "__main__":
    run(main)
