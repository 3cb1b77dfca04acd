"""Validate the training: repeat it on different parts of the training samples.

Usage: python -m stages.validate TRAIN VALIDATION
"""

from statistics import fmean
from typing import Annotated

import msgspec
import torch
from msgspec import Meta
from msgspec.structs import replace
from tqdm import tqdm

from plumbline import history, validation
from plumbline.core import tensors
from plumbline.core.command import Watch, run
from plumbline.core.errors import UserError
from plumbline.core.files import Input, Output
from plumbline.core.tensors import Array, Pair
from plumbline.inference.device import predict, use_device, use_threads
from plumbline.training.batches import Samples
from plumbline.training.checkpoint import fingerprint
from plumbline.training.objective import fit_scale
from plumbline.training.world import World
from plumbline.validation import Repeat, baseline_mae, mae
from stages.loop import DivergedError, Train, fit, new_model, recipe_of
from stages.split import Split, split

# One training takes several seconds if its samples times its epochs exceed this.
LONG = 10**9


class Validate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    repeats: Annotated[int, Meta(ge=0, le=validation.MAX_ROWS)]


class Params(msgspec.Struct, frozen=True):
    device: str
    split: Split
    train: Train
    validate: Validate


def split_again(X: Array, y: Array, params: Split, i: int, repeats: int) -> tuple[Pair, Pair]:
    """(X, y) to train on and (X, y) to hold out, in repeat i of `repeats`.

    With shuffling, the samples are drawn with seed i. Without it, the last fraction
    i / (2 * repeats) of the samples is dropped before the split (rolling origin).
    """
    if params.shuffle:
        return split(X, y, replace(params, seed=i))
    n = len(X) - len(X) * i // (2 * repeats)
    return split(X[:n], y[:n], params)


def to_samples(pair: Pair, device: torch.device) -> Samples:
    X, y = (torch.tensor(array, device=device) for array in pair)
    return Samples(X, y, 0, len(y))


def train_once(
    part: Pair, held_out: Pair, params: Train, device: torch.device, world: World
) -> Repeat:
    """The row of one training with `params.seed`; its MAEs are None if the training diverged."""
    train, test = to_samples(part, device), to_samples(held_out, device)
    errors: list[float] = []

    def measure(row: history.Epoch) -> None:
        if row.epoch >= params.epochs - params.last:
            predicted = predict(model, test.X, world.threads).numpy()
            errors.append(mae(predicted, held_out[1], world.threads))

    try:
        model = new_model(recipe_of(params, train.X.shape[1]), params.seed).to(device)
        fit_scale(model, train, world)
        fit(model, train, test, params, world, show=measure)
    except DivergedError:
        errors = []
    baseline, n = baseline_mae(part[1], held_out[1], world.threads), len(held_out[1])
    if not errors:
        return Repeat(params.seed, None, None, None, baseline, n)
    return Repeat(params.seed, fmean(errors), min(errors), max(errors), baseline, n)


def print_if_long(n: int, params: Params) -> None:
    """Prints an estimated duration if the stage takes long; n: the number of training samples."""
    times = params.validate.repeats * params.split.train_fraction
    if times and n * params.train.epochs > LONG:
        print(
            f"this takes up to {times:.3g} times as long as the stage train; "
            "to shorten it, lower validate.repeats in params.yaml"
        )


def validate(
    X: Array, y: Array, params: Params, device: torch.device, kept: validation.KeptRepeats
) -> list[Repeat]:
    """A row for each repeat, with the seeds 0, 1, 2, ...; X: (n, k), y: (n, 1).

    The rows have the same bits for any number of threads. UserError if every training diverged.
    """
    world = World(threads=use_threads())
    repeats = params.validate.repeats
    for i in tqdm(range(len(kept.rows), repeats), "trainings", disable=None, delay=1, leave=False):
        parts = split_again(X, y, params.split, i, repeats)
        # With this eval_every, a training evaluates only its first epoch and final `last` epochs.
        once = replace(params.train, seed=i, eval_every=params.train.epochs)
        kept.add(train_once(*parts, once, device, world))
    rows = kept.rows
    if rows and all(row.mae is None for row in rows):
        raise UserError(
            f"params.yaml: train.lr: all {repeats} trainings diverged; lower it "
            f"from {params.train.lr:g}"
        )
    return rows


def main(params: Params, train_path: Input, validation_path: Output) -> None:
    X, y, _ = tensors.load_samples(train_path)
    print_if_long(len(X), params)
    watch = Watch(params)
    device = use_device(params.device)
    settings = [device.type, params, *sorted(watch.scripts.values())]
    kept = validation.KeptRepeats(validation_path, fingerprint(settings, [train_path]))
    rows = validate(X, y, params, device, kept)
    validation.save(validation_path, rows)
    print(validation.summary(rows))
    if not watch.edited():
        kept.remove()


if __name__ == "__main__":
    run(main, Params)
