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
from plumbline.history import Row
from plumbline.inference import device as device_module
from plumbline.inference.device import PIECE, predict
from plumbline.inference.model import Standardized, arguments_of, line_of, make_model
from plumbline.training import batches as batches_module
from plumbline.training.batches import load_share
from plumbline.training.checkpoint import Checkpoint
from plumbline.training.objective import fit_scale
from plumbline.training.world import World
from stages.loop import OPTIMIZERS, Train, fit
from stages.losses import LOSSES
from stages.model import MODELS
from tests.support.exercise import EXERCISE
from tests.support.ranks import in_ranks

CASES = int(os.environ.get("INVARIANCE", "60"))

Bytes = tuple[bytes, list[Row], list[bytes]]  # the model, its history and its predictions


class Hidden(nn.Module):
    """A model with a layer that it never uses and a parameter that is not trained."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(features, 7), nn.Tanh(), nn.Linear(7, 1))
        self.unused = nn.Linear(3, 3)
        self.fixed = nn.Parameter(torch.randn(1), requires_grad=False)

    def forward(self, X: Tensor) -> Tensor:
        y: Tensor = self.fixed * self.layers(X)
        return y


OWN = "a model of one's own"


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
        "model": choose.choice([*MODELS, OWN]),
        "standardize": choose.choice([False, False, True]),
        "loss": choose.choice(list(LOSSES)),
        "optimizer": choose.choice(list(OPTIMIZERS)),
        "batch_size": choose.choice([None, None, piece // 2, piece, piece + 1, 3 * piece, rows]),
        "epochs": epochs,
    }
    killed = choose.choice([None, choose.randint(1, epochs - 1)])
    return Case(
        piece, rows, size(), choose.choice([1, 10]), settings, machines(), killed, machines()
    )


def write_data(case: Case, folder: Path) -> tuple[Path, Path]:
    """Writes noisy samples, and returns the paths of training and testing samples."""
    torch.manual_seed(case.rows)
    info = SamplesInfo(features=[f"x{i}" for i in range(case.features)], target="y", line=None)
    paths = folder / "train", folder / "test"
    for path, n in zip(paths, (case.rows, case.test_rows), strict=True):
        X = torch.randn(n, case.features)
        y = X.sum(dim=1, keepdim=True) + 0.3 * torch.randn(n, 1)
        tensors.save_samples(path, X.numpy(), y.numpy(), info)
    return paths


def first_model(case: Case) -> nn.Module:
    torch.manual_seed(case.params.seed)
    if case.params.model == OWN:
        own = Hidden(case.features)
        return Standardized(own, case.features) if case.params.standardize else own
    name, standardize = case.params.model, case.params.standardize
    settings = dict.fromkeys(arguments_of(MODELS[name]), 5)
    return make_model(Recipe(name, case.features, settings, standardize), MODELS)


def set_scale(model: Standardized, X: Tensor, y: Tensor, piece: int) -> None:
    """Sets the mean and the deviation of each column, from sums over one piece after another."""
    for column, mean, std in ((X, model.X_mean, model.X_std), (y, model.y_mean, model.y_std)):
        parts = column.double().split(piece)
        mean.copy_(sum(part.sum(dim=0) for part in parts) / len(column))
        squares = sum(((part - mean.double()) ** 2).sum(dim=0) for part in parts)
        std.copy_((squares / len(column)).sqrt())
        std[std == 0] = 1


def bytes_of(model: nn.Module, rows: list[Row], predictions: list[Tensor]) -> Bytes:
    state = b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())
    return state, rows, [predicted.numpy().tobytes() for predicted in predictions]


def plain(case: Case, paths: tuple[Path, Path]) -> Bytes:
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
            rows.append(Row(epoch, mean, sum(terms).item(), *line, y_std))
    with torch.inference_mode():
        predictions = [torch.cat(list(predicted(model, X, case.piece))) for X in (X, test[0])]
    return bytes_of(model, rows, predictions)


def predicted(model: nn.Module, X: Tensor, piece: int) -> Iterator[Tensor]:
    """The predictions for each piece, which zeros fill up to a multiple of 64 rows."""
    for part in X.split(piece):
        yield model(nn.functional.pad(part, (0, 0, 0, -len(part) % 64)))[: len(part)]


class Killed(Checkpoint):
    """A checkpoint whose training is interrupted after an epoch."""

    after: int | None

    def save_if_due(self, done: int, rows: list[Row]) -> None:
        super().save_if_due(done, rows)
        if done == self.after:
            raise KeyboardInterrupt


def train(case: Case, paths: tuple[Path, Path], folder: Path) -> tuple[list[Bytes], list[int]]:
    """The result in each process of the case, and the bytes of each message between them."""

    def train_in(world: World, killed: int | None) -> Bytes:
        cpu, params, model = torch.device("cpu"), case.params, models[world.rank]
        train = load_share(paths[0], cpu, world, whole=params.batch_size is not None)
        test = load_share(paths[1], cpu, world)
        if isinstance(model, Standardized):
            fit_scale(model, train, world)
        checkpoint = None
        if case.killed:
            checkpoint = Killed(folder / "model", [], [], 1)
            checkpoint.after = killed
        rows = fit(model, train, test, params, world, checkpoint)
        predictions = [
            world.gather(predict(model, part.share(world), world.threads), part.total, case.piece)
            for part in (train, test)
        ]
        return bytes_of(model, rows, predictions)

    if case.killed:
        models = [first_model(case) for _ in case.threads]
        with pytest.raises(KeyboardInterrupt):
            in_ranks(lambda world: train_in(world, case.killed), case.threads)
    threads = case.resumed if case.killed else case.threads
    models = [first_model(case) for _ in threads]
    return in_ranks(lambda world: train_in(world, None), threads)


@pytest.fixture(autouse=True)
def one_thread_for_an_operation() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def use_piece(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Cuts the data in pieces of so many rows."""
    monkeypatch.setattr(device_module, "PIECE", rows)


@pytest.mark.parametrize("table", [0, 2**26])
def test_the_bytes_of_rows_that_are_kept_change_no_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: int
) -> None:
    case = draw(0)._replace(piece=16, rows=16 * 20 + 1, threads=[3], killed=None)
    use_piece(monkeypatch, case.piece)
    monkeypatch.setattr(batches_module, "TABLE", table)
    paths = write_data(case, tmp_path)
    assert train(case, paths, tmp_path)[0] == [plain(case, paths)]


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=[pytest.mark.all] * (n >= 12)) for n in range(CASES)]
)
def test_every_process_has_the_bytes_of_the_plain_loop(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = draw(number)
    use_piece(monkeypatch, case.piece)
    paths = write_data(case, tmp_path)
    results, _ = train(case, paths, tmp_path)
    expected = plain(case, paths)
    for result in results:
        assert result == expected


@pytest.mark.slow
def test_rows_added_in_another_order_give_other_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the test above can fail: with three pieces or more, nearly every case then does."""

    class Reversed(World):
        def exchange(self, table: Tensor) -> None:
            table.copy_(table.flip(0))

    cases = [case for case in map(draw, range(100)) if case.rows > 2 * case.piece]
    full = [case for case in cases if case.settings["batch_size"] is None]
    different = 0
    for case in full:
        use_piece(monkeypatch, case.piece)
        paths, model = write_data(case, tmp_path), first_model(case)
        samples, test = (load_share(path, torch.device("cpu"), World()) for path in paths)
        if isinstance(model, Standardized):
            fit_scale(model, samples, World())
        rows = fit(model, samples, test, case.params, Reversed())
        different += bytes_of(model, rows, [])[:2] != plain(case, paths)[:2]
    assert different > 0.8 * len(full) > 10


@pytest.mark.all
@pytest.mark.parametrize("threads", [[2], [3], [8], [1] * 2, [1] * 3, [1] * 5, [2, 3]], ids=str)
def test_pieces_of_the_real_size_give_the_bytes_of_the_plain_loop(
    tmp_path: Path, threads: list[int]
) -> None:
    case = Case(PIECE, 3 * PIECE + 7, PIECE + 1, 1, {"epochs": 3}, threads, None, [])
    paths = write_data(case, tmp_path)
    results, _ = train(case, paths, tmp_path)
    assert set(map(repr, results)) == {repr(plain(case, paths))}


@pytest.mark.all
@pytest.mark.parametrize("ranks", [64, 1000])
def test_many_nodes_give_the_bytes_of_one_process_with_one_message_for_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ranks: int
) -> None:
    """docs/large-data.md says how many bytes a message has: 4 * pieces * (1 + parameters)."""
    use_piece(monkeypatch, 16)
    settings = {"epochs": 2, "eval_every": 1, "optimizer": "adam"}
    case = Case(16, 16 * 1000 + 3, 50, 10, settings, [1] * ranks, None, [])
    paths = write_data(case, tmp_path)
    results, messages = train(case, paths, tmp_path)
    expected = plain(case, paths)
    assert all(result == expected for result in results)
    step, test = 4 * 1001 * (1 + 11), 4 * 4
    assert messages == [step, test, step, test]
