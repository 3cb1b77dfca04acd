"""Plot the data, the predictions, the losses, and the loss landscape with training's path.

Usage: python -m stages.plot TRAIN TEST PREDICTIONS HISTORY DATA PREDICTED LOSSES LANDSCAPE
"""

from typing import Annotated

import msgspec

from plumbline import history
from plumbline.core import tensors
from plumbline.core.command import run
from plumbline.core.files import Input, Output
from plumbline.core.params import one_of
from plumbline.drawing import canvas, figures
from plumbline.losses import LOSSES
from plumbline.metrics import mae


class Shown(msgspec.Struct, frozen=True):
    """The keys of the section `train` that the pictures show."""

    model: str
    loss: Annotated[str, one_of(LOSSES)]
    lr: float
    epochs: int


class Params(msgspec.Struct, frozen=True):
    train: Shown
    plot: canvas.Size


def main(
    params: Params,
    train_path: Input,
    test_path: Input,
    predictions_path: Input,
    history_path: Input,
    data_png: Output,
    predictions_png: Output,
    losses_png: Output,
    landscape_png: Output,
) -> None:
    train, test = tensors.load_samples(train_path), tensors.load_samples(test_path)
    _, predicted = tensors.load_predictions(predictions_path, len(train[0]), len(test[0]))
    rows = history.load(history_path)

    size, trained = params.plot, params.train
    settings = f"{trained.model}, lr {trained.lr:g}, {trained.epochs:,} epochs"
    title = f"{settings}: test MAE {mae(predicted, test[1]):.4g}"
    parts = f"{len(train[0]):,} training and {len(test[0]):,} testing samples"
    pictures = {
        data_png: figures.draw_data(train, test, size, parts),
        predictions_png: figures.draw_predictions(train, test, predicted, size, title),
        losses_png: figures.draw_losses(rows, train[1], trained.loss, size, title),
        landscape_png: figures.draw_landscape(rows, train, trained.loss, size, title),
    }

    for path, figure in pictures.items():
        canvas.save(path, figure)


if __name__ == "__main__":
    run(main, Params)
