"""Train a model on the samples; save its state_dict, its history and its predictions.

Usage: python -m stages.train TRAIN TEST MODEL PREDICTIONS HISTORY
"""

if __name__ == "__main__":
    from plumbline.core.start import begin_imports

    begin_imports()

from collections.abc import Iterable
from pathlib import Path

import msgspec
import torch
import torch._dynamo  # else torch.optim imports it later, when that takes longer
from msgspec.structs import replace
from tqdm import tqdm

from plumbline import history
from plumbline.core import tensors
from plumbline.core.command import run
from plumbline.core.errors import UserError
from plumbline.core.files import Input, Output
from plumbline.core.metadata import ModelInfo
from plumbline.history import Row
from plumbline.inference.device import use_device, use_threads
from plumbline.inference.model_file import save_model
from plumbline.inference.predict import piece_size, predict
from plumbline.training.advice import advise
from plumbline.training.batches import load_share
from plumbline.training.checkpoint import Checkpoint, checkpoint_path, fingerprint
from plumbline.training.launch import has_to_launch, launch
from plumbline.training.scale import fit_scale
from plumbline.training.world import join
from stages.loop import Train, fit
from stages.model import Standardized, arguments_of, line_of, make_model


class Params(msgspec.Struct, frozen=True):
    device: str
    train: Train


def check_length(train: Train) -> None:
    """UserError if the history would have more rows than can be read back."""
    n = 1 + len(range(0, train.epochs - 1, train.eval_every))
    if n > history.ROWS:
        raise UserError(
            f"params.yaml: train.eval_every: wanted at most {history.ROWS:,} rows of history, "
            f"got {n:,}; raise it"
        )


def checkpoint_for(
    params: Params, device: torch.device, data: tuple[Path, ...], model_path: Path
) -> Checkpoint | None:
    """The checkpoint next to the model; None where `train.checkpoint_every` is 0."""
    if not (every := params.train.checkpoint_every):
        return None
    settings = (replace(params.train, checkpoint_every=0), str(device))
    return Checkpoint(checkpoint_path(model_path), fingerprint(settings, data), every)


def print_line(when: str, model: torch.nn.Module) -> None:
    """Prints the weight and the bias, if the model is a line in one feature."""
    if line := line_of(model):
        print("{}: weight {:.4f}, bias {:.4f}".format(when, *line))


def print_table(rows: Iterable[Row]) -> list[Row]:
    """Prints each row when it comes; the result is all of them."""
    print("epoch  train loss  test loss")
    printed = []
    for row in rows:
        tqdm.write(f"{row.epoch:5}  {row.train_loss:10.3f}  {row.test_loss:9.3f}")
        printed.append(row)
    return printed


def main(
    params: Params,
    train_path: Input,
    test_path: Input,
    model_path: Output,
    predictions_path: Output,
    history_path: Output,
) -> None:
    check_length(params.train)
    if has_to_launch():
        launch("stages.train")
        return
    world = join(use_threads())
    device = use_device(params.device)
    # Each process needs all training samples if they are shuffled.
    train = load_share(train_path, device, world, whole=params.train.batch_size is not None)
    test = load_share(test_path, device, world)
    torch.manual_seed(params.train.seed)
    name, features = params.train.model, train.X.shape[1]
    settings = {key: getattr(params.train, key) for key in arguments_of(name)}
    model = make_model(name, features, settings, params.train.standardize).to(device)
    if isinstance(model, Standardized):
        fit_scale(model, train, world)
        print(f"losses are those of (y - {model.y_mean.item():g}) / {model.y_std.item():g}")
    checkpoint = checkpoint_for(params, device, (train_path, test_path), model_path)

    print_line("start", model)
    epochs = tqdm(range(params.train.epochs), unit="epoch", disable=None, delay=1, leave=False)
    rows = print_table(fit(model, train, test, params.train, epochs, world, checkpoint))
    print_line("end", model)

    advice = [*advise(model, train, test, world)]
    inputs = {"train": (train.share(world), train.total), "test": (test.share(world), test.total)}
    del train, test  # The predictions take the memory of y.
    predictions = {
        name: world.gather(predict(model, X, world.threads), total, piece_size(device)).numpy()
        for name, (X, total) in inputs.items()
    }
    if world.rank == 0:
        first, more = predictions["test"][:20, 0], predictions["test"][20:]
        print("test predictions:", *(f"{y:.4f}" for y in first), *["..."] * bool(len(more)))
        tensors.save(predictions_path, predictions)
        info = ModelInfo(name, features, settings, params.train.standardize, line_of(model))
        save_model(model_path, model, info)
        history.save(history_path, rows)
        if checkpoint:
            checkpoint.path.unlink(missing_ok=True)
        if risen := history.did_not_learn(rows):
            advice.append(f"{risen}: the model did not learn; lower train.lr in params.yaml")
        for sentence in advice:
            print(f"advice: {sentence}")


if __name__ == "__main__":
    run(main, Params)
