"""Threads and processes do not change a bit of a result; INVARIANCE=1000 tests 1,000 cases."""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from plumbline.core import tensors
from plumbline.core.tensors import SamplesInfo
from plumbline.history import Epoch
from plumbline.inference import device as device_module
from plumbline.inference.model import Standardized
from plumbline.training import batches as batches_module
from plumbline.training import objective as objective_module
from plumbline.training.batches import Samples, load_share
from plumbline.training.checkpoint import Checkpoint
from plumbline.training.objective import fit_scale
from plumbline.training.world import ALONE, World
from stages.loop import OPTIMIZERS, Train, fit, new_model, recipe_of
from stages.losses import LOSSES
from stages.model import MODELS
from tests.support.exercise import EXERCISE
from tests.support.ranks import by_ranks

CASES = int(os.environ.get("INVARIANCE", "60"))

Result = tuple[bytes, list[tuple[float, float]]]  # the model, and both losses of each row
Data = list[list[Tensor]]  # X and y of the training samples, and of the testing samples


class Case(NamedTuple):
    """A training, and the processes and threads that compute it."""

    piece: int
    rows: int
    test_rows: int
    features: int
    params: Train
    threads: list[int]  # of each process
    killed: int | None = None  # the epoch in which an earlier run is killed
    killed_threads: list[int] | None = None  # of each process of that run
    terms_bytes: int = 2**26  # a single process adds up its terms when they take this many bytes


def make_params(**changes: Any) -> Train:
    return Train(**{**EXERCISE["train"], "eval_every": 2, "last": 1, **changes})


def draw(number: int) -> Case:
    """A random case, the same for the same number."""
    choose = random.Random(number)  # noqa: S311
    piece = choose.choice([16, 36, 64, 252])

    def size() -> int:
        return piece * choose.randint(1, 9) + choose.choice([0, 0, 1, -1, piece // 2])

    def threads_of_processes() -> list[int]:
        processes, threads = choose.choice([1, 1, 2, 3, 5]), choose.choice([1, 2, 3, 8])
        return [choose.choice([threads, threads, 1]) for _ in range(processes)]

    rows, epochs = size(), choose.randint(3, 7)
    params = make_params(
        model=choose.choice(list(MODELS)),
        hidden=5,
        standardize=choose.choice([False, False, True]),
        loss=choose.choice(list(LOSSES)),
        optimizer=choose.choice(list(OPTIMIZERS)),
        batch_size=choose.choice([0, 0, piece // 2, piece, piece + 1, 3 * piece, rows]),
        epochs=epochs,
        seed=number,
    )
    killed = choose.choice([None, choose.randrange(2, epochs, 2)])
    features, terms_bytes = choose.choice([1, 10]), choose.choice([0, 2**26])
    threads, killed_threads = threads_of_processes(), threads_of_processes()
    return Case(piece, rows, size(), features, params, threads, killed, killed_threads, terms_bytes)


def write_data(case: Case, folder: Path) -> Data:
    """Writes noisy samples as `train` and `test`, and returns them."""
    torch.manual_seed(case.rows)
    info, data = SamplesInfo([*"abcdefghij"[: case.features]], target="y", line=None), []
    for name, n in ("train", case.rows), ("test", case.test_rows):
        X = torch.randn(n, case.features)
        data.append([X, X.sum(dim=1, keepdim=True) + 0.3 * torch.randn(n, 1)])
        tensors.save_samples(folder / name, *(part.numpy() for part in data[-1]), info)
    return data


def first_model(case: Case) -> nn.Module:
    """The untrained model; for every third seed it has a frozen parameter and an unused one."""
    model = new_model(recipe_of(case.params, case.features), case.params.seed)
    if case.params.seed % 3 == 0:
        next(model.parameters()).requires_grad_(False)
        model.unused = nn.Parameter(torch.ones(3))
    return model


def bytes_of(model: nn.Module) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())


def plain(case: Case, data: Data) -> Result:
    """Trains in a plain loop, which accumulates the gradients piece by piece."""
    params, model = case.params, first_model(case)
    loss_fn: nn.Module = getattr(nn, LOSSES[params.loss].layer)()
    optimizer = OPTIMIZERS[params.optimizer](model.parameters(), lr=params.lr)
    order = torch.Generator().manual_seed(params.seed)
    (X, y), test = data
    net: Any = model
    if isinstance(model, Standardized):
        fit_scale(model, Samples(X, y, 0, len(X)), ALONE)
        net = model.predict_standardized
        y, test[1] = ((part - model.y_mean) / model.y_std for part in (y, test[1]))

    def losses_of(X: Tensor, y: Tensor) -> Iterator[tuple[Tensor, float]]:
        for inputs, wanted in zip(X.split(case.piece), y.split(case.piece), strict=True):
            yield loss_fn(net(inputs), wanted), len(inputs) / len(X)

    rows = []
    for epoch in range(params.epochs):
        batches = [(X, y)]
        if params.batch_size and params.batch_size < len(X):
            places = torch.randperm(len(X), generator=order).split(params.batch_size)
            batches = [(X[place], y[place]) for place in places]
        losses = []
        for batch in batches:
            optimizer.zero_grad()
            total = torch.zeros(())
            for loss, fraction in losses_of(*batch):
                loss.backward(torch.tensor(fraction))
                total += loss.detach() * fraction
            optimizer.step()
            losses.append(total.item())
        if epoch % params.eval_every == 0 or epoch == params.epochs - 1:
            with torch.inference_mode():
                terms = [loss * fraction for loss, fraction in losses_of(*test)]
            mean = fmean(losses, [len(batch[0]) for batch in batches])
            rows.append((mean, float(sum(terms))))
    return bytes_of(model), rows


def train(
    case: Case, folder: Path, threads: list[int], killed: int | None = None
) -> tuple[list[Result], list[int]]:
    """The result in each process, and the size in bytes of each tensor that the processes sum."""
    models = [first_model(case) for _ in threads]

    def show(row: Epoch) -> None:
        if row.epoch == killed:
            raise KeyboardInterrupt

    def train_in(world: World) -> Result:
        cpu, params, model = torch.device("cpu"), case.params, models[world.rank]
        train, _ = load_share(folder / "train", cpu, world, whole=params.batch_size > 0)
        test, _ = load_share(folder / "test", cpu, world)
        fit_scale(model, train, world)
        checkpoint = Checkpoint(folder / "model", [], [], every=1 if case.killed else 0)
        rows = fit(model, train, test, params, world, checkpoint, show)
        return bytes_of(model), [(row.train_loss, row.test_loss) for row in rows]

    return by_ranks(train_in, threads)


def train_and_compare(case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Asserts that each process has the plain loop's result; returns message sizes in bytes."""
    monkeypatch.setattr(device_module, "PIECE", case.piece)
    monkeypatch.setattr(batches_module, "TERMS_BYTES", case.terms_bytes)
    monkeypatch.setattr(objective_module, "MIN_ROWS", 0)  # always uses the library's l1 loss
    data = write_data(case, folder)
    if case.killed:
        with pytest.raises(KeyboardInterrupt):
            train(case, folder, case.killed_threads, case.killed)
    results, messages = train(case, folder, case.threads)
    (expected,), _ = by_ranks(lambda _: plain(case, data), [1])
    assert all(result == expected for result in results)
    return messages


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=[pytest.mark.all] * (n >= 12)) for n in range(CASES)]
)
def test_every_process_has_the_bytes_of_the_plain_loop(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_and_compare(draw(number), tmp_path, monkeypatch)


@pytest.mark.all
def test_a_thousand_processes_give_the_plain_loops_bytes_with_one_message_per_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/large-data.md promises messages of 4 * pieces * (1 + parameters) bytes."""
    params = make_params(epochs=2, eval_every=1, optimizer="adam", seed=1)
    case = Case(16, 16 * 1000 + 3, 50, 10, params, [1] * 1000)
    step, test = 4 * 1001 * (1 + 11), 4 * 4
    assert train_and_compare(case, tmp_path, monkeypatch) == [step, test, step, test]
