"""Plot the data, the predictions, the losses and, for a line, the loss landscape with its path.

Usage: python -m stages.plot TRAIN TEST PREDICTIONS HISTORY DATA PREDICTED LOSSES [LANDSCAPE]
"""

from typing import Annotated

import msgspec

from plumbline import history
from plumbline.core import tensors
from plumbline.core.command import run
from plumbline.core.errors import UserError
from plumbline.core.files import Input, Output
from plumbline.core.params import one_of
from plumbline.drawing import canvas, figures, landscape
from plumbline.metrics import mae
from stages.losses import LOSSES


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
    landscape_png: Output | None = None,
) -> None:
    X_train, y_train, info = tensors.load_samples(train_path)
    X_test, y_test, _ = tensors.load_samples(test_path)
    train, test = (X_train, y_train), (X_test, y_test)
    _, predicted = tensors.load_predictions(predictions_path, len(y_train), len(y_test))
    rows = history.load(history_path)

    size, trained = params.plot, params.train
    settings = f"{trained.model}, lr {trained.lr:g}, {trained.epochs:,} epochs"
    title = f"{settings}: test MAE {mae(predicted, y_test):.4g}"
    parts = f"{len(y_train):,} training and {len(y_test):,} testing samples"
    risen = history.did_not_learn(rows)
    losses = f"{settings}: did not learn, {risen}" if risen else title
    pictures = {
        data_png: figures.draw_data(train, test, info, size, parts),
        predictions_png: figures.draw_predictions(train, test, predicted, info, size, title),
        losses_png: figures.draw_losses(rows, trained.loss, size, losses),
    }
    if landscape_png:
        if rows[0].weight is None:
            raise UserError(
                f"{landscape_png}: wanted a line in one feature, got {trained.model} in "
                f"{len(info.features)}; remove this path from the stage plot in dvc.yaml"
            )
        pictures[landscape_png] = landscape.draw_landscape(
            rows, train, trained.loss, LOSSES[trained.loss].of, size, title
        )

    for path, figure in pictures.items():
        canvas.save(path, figure)


if __name__ == "__main__":
    run(main, Params)
