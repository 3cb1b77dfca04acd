"""Plot the data, the predictions, the losses, and the way that training took.

Usage: python -m stages.plot TRAIN TEST PREDICTIONS HISTORY DATA PREDICTED LOSS LANDSCAPE
"""

from pathlib import Path
from typing import Literal

import msgspec

from plumbline import history
from plumbline.core import tensors
from plumbline.core.command import run
from plumbline.core.params import load
from plumbline.drawing import canvas as picture
from plumbline.drawing import figures
from plumbline.drawing.canvas import Size
from plumbline.metrics import mae


class Train(msgspec.Struct, frozen=True):
    """The part of the section `train` that the titles tell."""

    model: str
    loss: Literal["l1", "mse", "huber"]
    lr: float
    epochs: int


class Params(msgspec.Struct, frozen=True):
    """What this stage reads of params.yaml."""

    train: Train
    plot: Size


def main(
    train_path: Path,
    test_path: Path,
    predictions_path: Path,
    history_path: Path,
    data_png: Path,
    predictions_png: Path,
    loss_png: Path,
    landscape_png: Path,
) -> None:
    params = load(Params)
    train, test = tensors.load_samples(train_path), tensors.load_samples(test_path)
    _, predicted = tensors.load_predictions(predictions_path, len(train[0]), len(test[0]))
    rows = history.load(history_path)
    size, loss, lr = params.plot, params.train.loss, params.train.lr
    what = f"{params.train.model}, lr {lr:g}, {params.train.epochs:,} epochs"
    title = f"{what}: test MAE {mae(predicted, test[1]):.4g}"
    parts = f"{len(train[0]):,} training and {len(test[0]):,} testing samples"
    for path, figure in {
        data_png: figures.data(train, test, size, parts),
        predictions_png: figures.predictions(train, test, predicted, size, title),
        loss_png: figures.losses(rows, train[1], loss, size, title),
        landscape_png: figures.descent(rows, train, loss, size, title),
    }.items():
        picture.save(path, figure)


if __name__ == "__main__":
    run(main)
