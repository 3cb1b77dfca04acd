"""Plot the data, predictions, losses, repeated trainings and, for a line, the loss landscape.

Usage: python -m stages.plot TRAIN TEST PREDICTIONS HISTORY VALIDATION GATE \
    DATA_PNG PREDICTIONS_PNG LOSSES_PNG VALIDATION_PNG [LANDSCAPE_PNG]
"""

from pathlib import Path
from typing import Annotated

import msgspec

from plumbline import history, validation
from plumbline.core import tensors
from plumbline.core.command import number, run
from plumbline.core.files import Input, Output, parse_yaml, read
from plumbline.core.params import MAX, MAX_BYTES, one_of
from plumbline.pictures import draw, look
from plumbline.validation import mae
from stages.losses import LOSSES


class TrainKeys(msgspec.Struct, frozen=True):
    """The keys of the section `train` that the pictures show."""

    model: str
    loss: Annotated[str, one_of(LOSSES)]
    lr: float
    epochs: int


class Params(msgspec.Struct, frozen=True):
    train: TrainKeys
    plot: look.Size


def limit_of(gate: Path) -> float | None:
    """The limit of validation_mae in gate.yaml; None if it has no limit."""
    rules = parse_yaml(read(gate, MAX_BYTES), gate)
    try:
        limit = rules["metrics"]["validation_mae"]["limit"]
    except (KeyError, TypeError):
        return None
    return float(limit) if isinstance(limit, int | float) and abs(limit) <= MAX else None


def main(
    params: Params,
    train_path: Input,
    test_path: Input,
    predictions_path: Input,
    history_path: Input,
    validation_path: Input,
    gate_path: Input,
    data_png: Output,
    predictions_png: Output,
    losses_png: Output,
    validation_png: Output,
    landscape_png: Output | None = None,
) -> None:
    X_train, y_train, info = tensors.load_samples(train_path)
    X_test, y_test, _ = tensors.load_samples(test_path)
    train, test = (X_train, y_train), (X_test, y_test)
    _, predicted = tensors.load_predictions(predictions_path, len(y_train), len(y_test))
    rows, repeated = history.load(history_path), validation.load(validation_path)

    size, loss = params.plot, params.train.loss
    settings = f"{params.train.model}, lr {params.train.lr:g}, {params.train.epochs:,} epochs"
    title = f"{settings}: test MAE {number(mae(predicted, y_test), 4)}"
    parts = f"{len(y_train):,} training and {len(y_test):,} testing samples"
    facts = "; ".join(history.warnings(rows))
    losses_title = f"{settings}: {facts}" if facts else title
    pictures = {
        data_png: draw.draw_data(train, test, info, size, parts),
        predictions_png: draw.draw_predictions(train, test, predicted, info, size, title),
        losses_png: draw.draw_losses(rows, loss, size, losses_title),
        validation_png: draw.draw_validation(repeated, limit_of(gate_path), info, size, settings),
    }
    if landscape_png:
        of = LOSSES[loss].of
        pictures[landscape_png] = draw.draw_landscape(rows, train, loss, of, size, title)

    for path, figure in pictures.items():
        look.save_picture(path, figure)


if __name__ == "__main__":
    run(main, Params)
