"""Train a model on the samples; save its state_dict, its history and its predictions.

Usage: python -m stages.train TRAIN TEST MODEL PREDICTIONS HISTORY
"""

from functools import partial

import msgspec
import torch
from msgspec.structs import replace
from tqdm import tqdm

from plumbline import history
from plumbline.core import tensors
from plumbline.core.command import Watch, number, run
from plumbline.core.errors import UserError
from plumbline.core.files import Input, Output, digest
from plumbline.core.tensors import Array, ModelInfo
from plumbline.history import Epoch
from plumbline.inference.device import use_device, use_threads
from plumbline.inference.model import Standardized, coefficients_of, line_of, save_model
from plumbline.training.batches import load_share, predict_all
from plumbline.training.checkpoint import Checkpoint
from plumbline.training.objective import advise, fit_scale, ranges_of, sort_for_median
from plumbline.training.world import join, launch
from stages.loop import Train, fit, new_model, recipe_of


class Params(msgspec.Struct, frozen=True):
    device: str
    train: Train


def check_length(params: Train) -> None:
    """UserError if the history would have more than `history.MAX_ROWS` rows."""
    last = min(params.last, params.epochs)
    n = last + len(range(0, params.epochs - last, params.eval_every))
    if n > history.MAX_ROWS:
        raise UserError(
            f"params.yaml: train.eval_every: wanted at most {history.MAX_ROWS:,} rows of history, "
            f"got {n:,}; raise train.eval_every or lower train.last"
        )


def finish_checkpoint(checkpoint: Checkpoint, watch: Watch, epochs: int, rows: list[Epoch]) -> None:
    """Removes the checkpoint. If a file was edited, saves the training in the checkpoint and fails.

    The run must fail, because DVC would record the edited file as the one that ran.
    """
    if edited := watch.edited():
        checkpoint.save(epochs, rows)
        raise UserError(
            f"{', '.join(edited)}: edited while the stage ran; to use the finished training, undo "
            "the edit and run `dvc repro`; with the edit, `dvc repro` trains again"
        )
    checkpoint.remove()


def print_line(when: str, model: torch.nn.Module) -> None:
    """Prints the weight and the bias, if the model is a line in one feature."""
    if line := line_of(model):
        print("{}: weight {:.4f}, bias {:.4f}".format(when, *line))


def print_start(model: torch.nn.Module) -> None:
    """Prints the scale of a standardised y, the line before training, and the table's header."""
    if isinstance(model, Standardized):
        mean, std = number(model.y_mean.item()), number(model.y_std.item())
        print(f"losses are computed on the standardised y: (y - {mean}) / {std}")
    print_line("start", model)
    print("epoch  train loss  test loss")


def print_row(params: Train, watch: Watch, row: Epoch) -> None:
    """Prints the row if `eval_every` selects it or it is the last; then names any edited files."""
    if row.epoch % params.eval_every == 0 or row.epoch == params.epochs - 1:
        tqdm.write(f"{row.epoch:5}  {row.train_loss:10.3f}  {row.test_loss:9.3f}")
        watch.tell()


def print_end(model: torch.nn.Module, predicted: Array) -> None:
    """Prints the line and the first 20 predictions; predicted: (n, 1)."""
    print_line("end", model)
    more = ["..."] * (len(predicted) > 20)
    print("test predictions:", *(f"{y:.4f}" for y in predicted[:20, 0]), *more)


def print_advice(sentences: list[str], rows: list[Epoch]) -> None:
    """Prints the sentences, and the problems of the training that `rows` show."""
    for sentence in [*sentences, *(": ".join(pair) for pair in history.warnings(rows).items())]:
        print(f"advice: {sentence}")


def main(
    params: Params,
    train_path: Input,
    test_path: Input,
    model_path: Output,
    predictions_path: Output,
    history_path: Output,
) -> None:
    check_length(params.train)
    if launch("stages.train"):
        return
    world, device, watch = join(use_threads()), use_device(params.device), Watch(params)
    # With mini-batches, each process loads all training samples, because a batch draws from all.
    train, names = load_share(train_path, device, world, params.train.batch_size > 0)
    test, _ = load_share(test_path, device, world)
    recipe = recipe_of(params.train, train.X.shape[1])
    model = new_model(recipe, params.train.seed).to(device)
    fit_scale(model, train, world)
    settings = replace(params.train, checkpoint_every=0), device, sorted(watch.scripts.values())
    every = params.train.checkpoint_every
    checkpoint = Checkpoint(model_path, settings, (train_path, test_path), every)

    print_start(model)
    rows = fit(
        model, train, test, params.train, world, checkpoint, partial(print_row, params.train, watch)
    )

    advice = [*advise(model, train, test, world)]
    info = ModelInfo(
        recipe=recipe,
        features=names.features,
        target=names.target,
        ranges=ranges_of(train, world),
        median=sort_for_median(train, world),
        samples=digest(train_path, "md5"),
        device=device.type,
        coefficients=coefficients_of(model),
    )
    train, test = train.without_y(), test.without_y()  # Frees memory for the predictions.
    predictions = {
        "train": predict_all(model, train, world),
        "test": predict_all(model, test, world),
    }
    if world.rank == 0:
        print_end(model, predictions["test"])
        tensors.save(predictions_path, predictions)
        save_model(model_path, model, info)
        history.save(history_path, rows)
        print_advice(advice, rows)
        finish_checkpoint(checkpoint, watch, params.train.epochs, rows)


if __name__ == "__main__":
    run(main, Params)
