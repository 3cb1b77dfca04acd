"""No number of threads and processes changes a bit; INVARIANCE=1000 tries that many cases."""

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
from plumbline.core.tensors import Recipe, SamplesInfo
from plumbline.history import Epoch
from plumbline.inference import device as device_module
from plumbline.inference.model import Standardized, arguments_of, line_of, make_model
from plumbline.training import batches as batches_module
from plumbline.training.batches import load_share
from plumbline.training.checkpoint import Checkpoint
from plumbline.training.objective import fit_scale
from plumbline.training.world import World
from stages import model as exercise
from stages.loop import OPTIMIZERS, Train, fit
from stages.losses import LOSSES
from tests.support.exercise import EXERCISE
from tests.support.ranks import in_ranks

CASES = int(os.environ.get("INVARIANCE", "60"))

Bytes = tuple[bytes, list[Epoch]]  # the model and its history


class Own(nn.Module):
    """A model with a layer that it never uses and a parameter that is not trained."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(features, 7), nn.Tanh(), nn.Linear(7, 1))
        self.unused = nn.Linear(3, 3)
        self.fixed = nn.Parameter(torch.randn(1), requires_grad=False)

    def forward(self, X: Tensor) -> Tensor:
        y: Tensor = self.fixed * self.layers(X)
        return y


MODELS = {**exercise.MODELS, "own": Own}


class Case(NamedTuple):
    """A training, and the machines that compute it."""

    piece: int
    rows: int
    test_rows: int
    features: int
    settings: dict[str, Any]
    threads: list[int]  # of each process
    killed: int | None  # after so many epochs,
    resumed: list[int]  # and resumed with so many threads in each process
    table: int = 2**26  # bytes of the rows that a process keeps before it adds them up

    @property
    def params(self) -> Train:
        return Train(**{**EXERCISE["train"], "eval_every": 2, "last": 1, **self.settings})


def draw(number: int) -> Case:
    """The case of this number."""
    choose = random.Random(number)  # noqa: S311
    piece = choose.choice([16, 36, 64, 252])

    def size() -> int:
        return max(1, piece * choose.randint(1, 9) + choose.choice([0, 0, 1, -1, piece // 2]))

    def machines() -> list[int]:
        processes, threads = choose.choice([1, 1, 2, 3, 5]), choose.choice([1, 2, 3, 8])
        return [choose.choice([threads, threads, 1]) for _ in range(processes)]

    rows, epochs = size(), choose.randint(3, 7)
    settings = {
        "model": choose.choice(list(MODELS)),
        "standardize": choose.choice([False, False, True]),
        "loss": choose.choice(list(LOSSES)),
        "optimizer": choose.choice(list(OPTIMIZERS)),
        "batch_size": choose.choice([0, 0, piece // 2, piece, piece + 1, 3 * piece, rows]),
        "epochs": epochs,
        "seed": number,
    }
    killed = choose.choice([None, choose.randint(1, epochs - 1)])
    features, test_rows, table = choose.choice([1, 10]), size(), choose.choice([0, 2**26])
    return Case(piece, rows, test_rows, features, settings, machines(), killed, machines(), table)


def write_data(case: Case, folder: Path) -> list[Path]:
    """Writes noisy training and testing samples, and returns their paths."""
    torch.manual_seed(case.rows)
    info = SamplesInfo(features=[f"x{i}" for i in range(case.features)], target="y", line=None)
    paths = [folder / "train", folder / "test"]
    for path, n in zip(paths, (case.rows, case.test_rows), strict=True):
        X = torch.randn(n, case.features)
        y = X.sum(dim=1, keepdim=True) + 0.3 * torch.randn(n, 1)
        tensors.save_samples(path, X.numpy(), y.numpy(), info)
    return paths


def first_model(case: Case) -> nn.Module:
    torch.manual_seed(case.params.seed)
    settings = dict.fromkeys(arguments_of(MODELS[case.params.model]), 5)
    recipe = Recipe(case.params.model, case.features, settings, case.params.standardize)
    return make_model(recipe, MODELS)


def set_scale(model: Standardized, X: Tensor, y: Tensor, piece: int) -> None:
    """Sets the mean and the deviation of each column, from sums over one piece after another."""
    for column, mean, std in ((X, model.X_mean, model.X_std), (y, model.y_mean, model.y_std)):
        parts = column.double().split(piece)
        mean.copy_(sum(part.sum(dim=0) for part in parts) / len(column))
        squares = sum(((part - mean.double()) ** 2).sum(dim=0) for part in parts)
        std.copy_((squares / len(column)).sqrt())
        std[std == 0] = 1


def bytes_of(model: nn.Module) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())


def plain(case: Case, paths: list[Path]) -> Bytes:
    """The plain loop; it accumulates the gradients of one piece after another."""
    params, model = case.params, first_model(case)
    loss_fn: nn.Module = getattr(nn, LOSSES[params.loss].layer)()
    optimizer = OPTIMIZERS[params.optimizer](model.parameters(), lr=params.lr)
    order = torch.Generator().manual_seed(params.seed)
    (X, y), test = ([torch.tensor(a) for a in tensors.load_samples(path)[:2]] for path in paths)

    net: Any = model
    if isinstance(model, Standardized):
        set_scale(model, X, y, case.piece)
        net = model.predict_standardized
        y, test[1] = ((part - model.y_mean) / model.y_std for part in (y, test[1]))

    def cut(X: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor, float]]:
        for inputs, wanted in zip(X.split(case.piece), y.split(case.piece), strict=True):
            yield inputs, wanted, len(inputs) / len(X)

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
            for inputs, wanted, share in cut(*batch):
                loss = loss_fn(net(inputs), wanted)
                loss.backward(torch.tensor(share))
                total += loss.detach() * share
            optimizer.step()
            losses.append(total.item())
        if epoch % params.eval_every == 0 or epoch == params.epochs - 1:
            with torch.inference_mode():
                terms = [loss_fn(net(a), b) * share for a, b, share in cut(*test)]
            mean = fmean(losses, [len(batch[0]) for batch in batches])
            y_std = model.y_std.item() if isinstance(model, Standardized) else None
            line = line_of(model) or (None, None)
            rows.append(Epoch(epoch, mean, sum(terms).item(), *line, y_std))
    return bytes_of(model), rows


class Killed(Checkpoint):
    """A checkpoint whose training is interrupted after an epoch."""

    after: int | None

    def save_if_due(self, done: int, rows: list[Epoch]) -> None:
        super().save_if_due(done, rows)
        if done == self.after:
            raise KeyboardInterrupt


def train(case: Case, paths: list[Path], folder: Path) -> tuple[list[Bytes], list[int]]:
    """The result in each process of the case, and the bytes of each message between them."""

    def train_in(world: World, killed: int | None) -> Bytes:
        cpu, params, model = torch.device("cpu"), case.params, models[world.rank]
        train, _ = load_share(paths[0], cpu, world, whole=params.batch_size > 0)
        test, _ = load_share(paths[1], cpu, world)
        assert torch.equal(test.own(test.X, world), test.X)
        fit_scale(model, train, world)
        checkpoint = Killed(folder / "model", [], [], 1) if case.killed else None
        if checkpoint:
            checkpoint.after = killed
        rows = fit(model, train, test, params, world, checkpoint)
        return bytes_of(model), rows

    if case.killed:
        models = [first_model(case) for _ in case.threads]
        with pytest.raises(KeyboardInterrupt):
            in_ranks(lambda world: train_in(world, case.killed), case.threads)
    threads = case.resumed if case.killed else case.threads
    models = [first_model(case) for _ in threads]
    return in_ranks(lambda world: train_in(world, None), threads)


def train_and_compare(case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes of each message, if each process has the result of the plain loop."""
    monkeypatch.setattr(device_module, "PIECE", case.piece)
    monkeypatch.setattr(batches_module, "TERMS", case.table)
    paths = write_data(case, folder)
    results, messages = train(case, paths, folder)
    expected = plain(case, paths)
    for result in results:
        assert result == expected
    return messages


@pytest.fixture(autouse=True)
def one_thread_for_an_operation() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=[pytest.mark.all] * (n >= 12)) for n in range(CASES)]
)
def test_every_process_has_the_bytes_of_the_plain_loop(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_and_compare(draw(number), tmp_path, monkeypatch)


@pytest.mark.all
def test_a_thousand_nodes_give_the_bytes_of_one_process_with_one_message_for_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/large-data.md says how many bytes a message has: 4 * pieces * (1 + parameters)."""
    settings = {"epochs": 2, "eval_every": 1, "optimizer": "adam"}
    case = Case(16, 16 * 1000 + 3, 50, 10, settings, [1] * 1000, None, [])
    step, test = 4 * 1001 * (1 + 11), 4 * 4
    assert train_and_compare(case, tmp_path, monkeypatch) == [step, test, step, test]
