"""Train a model to find the line; keep its state_dict, its history and its predictions.

Usage: python -m stages.train TRAIN TEST MODEL HISTORY PREDICTIONS
"""

from pathlib import Path

import msgspec
import torch
from msgspec.structs import replace
from tqdm import tqdm

from plumbline import device, history
from plumbline.core import tensors
from plumbline.core.command import run
from plumbline.core.params import load
from plumbline.model import MODELS, line, predict, save_model
from plumbline.training import batches as samples
from plumbline.training.checkpoint import Checkpoint, beside, identity
from plumbline.training.loop import Train, fit
from plumbline.training.parallel import are_asked_for, join, start


class Params(msgspec.Struct, frozen=True):
    """What this stage reads of params.yaml."""

    device: str
    train: Train


def main(
    train_path: Path, test_path: Path, model_path: Path, history_path: Path, predictions_path: Path
) -> None:
    if are_asked_for():
        start("stages.train")
        return
    processes = join()
    params = load(Params)
    if (n := len(range(0, params.train.epochs, params.train.eval_every))) > history.ROWS:
        raise ValueError(
            f"params.yaml: train.eval_every: wanted at most {history.ROWS:,} rows of history, "
            f"got {n:,}; raise it"
        )
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
