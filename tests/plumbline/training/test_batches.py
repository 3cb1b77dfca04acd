"""Each epoch has every sample once; a layer whose result would depend on the pieces is refused."""

import threading
import traceback
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.inference import device as device_module
from plumbline.inference.device import PIECE
from plumbline.training.batches import Batches, Samples, check_model, full_batch, load_share
from plumbline.training.world import ALONE, World
from stages.loop import Train, fit
from tests.support.exercise import EXERCISE, INFO
from tests.support.ranks import in_ranks

X = torch.arange(80.0)[:, None]
SAMPLES = Samples(X, 2 * X, 0, 80)


@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.parametrize("size", [1, 7, 79])
def test_every_sample_is_in_exactly_one_batch_with_its_y(size: int, processes: int) -> None:
    rows = []
    for rank in range(processes):
        world = World(rank, processes)
        batches = list(Batches(SAMPLES, size, torch.Generator().manual_seed(0), world))
        assert [batch.total for batch in batches[:-1]] == [size] * (len(batches) - 1)
        rows += [torch.cat(piece[:2], dim=1) for batch in batches for piece in batch.own]
    assert torch.equal(torch.cat(rows).sort(dim=0).values, torch.cat([X, 2 * X], dim=1))


def test_each_epoch_has_a_different_order() -> None:
    batches = Batches(SAMPLES, 40, torch.Generator().manual_seed(0), ALONE)
    first, second = (next(iter(batches)).own[0].X for _ in range(2))
    assert not torch.equal(first, second)


def test_a_pieces_fraction_is_its_part_of_the_batchs_rows() -> None:
    column = torch.zeros(2 * PIECE + 5, 1)
    batch = full_batch(Samples(column, column, 0, len(column)), ALONE)
    fractions = [piece.fraction.item() for piece in batch.own]
    assert fractions == pytest.approx([PIECE / len(column)] * 2 + [5 / len(column)])


@pytest.mark.parametrize("processes", [1, 2, 3, 5])
@pytest.mark.parametrize("n", [5, PIECE, PIECE + 1, 3 * PIECE])
def test_the_processes_have_all_pieces_in_order(tmp_path: Path, n: int, processes: int) -> None:
    path, column = tmp_path / "samples", torch.arange(float(n))[:, None]
    tensors.save_samples(path, column.numpy(), column.numpy(), INFO)

    def own(world: World) -> list[torch.Tensor]:
        samples = load_share(path, torch.device("cpu"), world)
        batch = full_batch(samples, world)
        assert torch.equal(samples.share(world), samples.X)
        assert batch.pieces == -(-n // PIECE)
        # Elsewhere, a matrix product may have other last bits.
        assert all(piece.X.data_ptr() % 16 == 0 for piece in batch.own)
        return [piece.X for piece in batch.own]

    pieces, _ = in_ranks(own, [1] * processes)
    assert torch.equal(torch.cat(list(chain(*pieces))), column)
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1


def test_a_process_whose_file_has_another_length_is_an_error(tmp_path: Path) -> None:
    def load(world: World) -> None:
        path, column = tmp_path / f"{world.rank}", X[: 5 + world.rank].numpy()
        tensors.save_samples(path, column, column, INFO)
        load_share(path, torch.device("cpu"), world)

    with pytest.raises(ValueError, match="/[01]: wanted the same number of rows in every process"):
        in_ranks(load, [1, 1])


ONES = Samples(torch.rand(100, 1), torch.rand(100, 1), 0, 100)


def train(model: nn.Module, threads: int = 1) -> None:
    params = Train(**{**EXERCISE["train"], "epochs": 3})
    fit(model, ONES, ONES, params, World(threads=threads))


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: nn.BatchNorm1d(1), "BatchNorm1d, whose result for a sample depends on the others"),
        (lambda: nn.SyncBatchNorm(1), "SyncBatchNorm, whose result for a sample depends"),
        (nn.Dropout, "Dropout, which draws random numbers"),
        (nn.AlphaDropout, "AlphaDropout, which draws random numbers"),
        (nn.RReLU, "RReLU, which draws random numbers"),
    ],
)
def test_a_layer_whose_result_depends_on_the_pieces_is_refused_by_name(
    layer: Callable[[], nn.Module], reason: str
) -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.Sequential(layer()))
    with pytest.raises(
        UserError, match=f"wanted layers that compute each sample by itself.*{reason}"
    ):
        train(model)


def test_other_layers_are_accepted() -> None:
    check_model(nn.Sequential(nn.Linear(1, 4), nn.LayerNorm(4), nn.GELU(), nn.Linear(4, 1)), 1)


class Watched(nn.Linear):
    """Remembers the threads that it ran in; fails in the one that has the last sample."""

    def __init__(self, fails: bool) -> None:
        super().__init__(1, 1)
        self.fails, self.threads = fails, set[int]()

    def forward(self, X: Tensor) -> Tensor:
        self.threads.add(threading.get_ident())
        if self.fails and torch.equal(X[-1], ONES.X[-1]):
            raise ZeroDivisionError("my own mistake")
        return super().forward(X)


@pytest.mark.slow
def test_each_thread_computes_pieces_but_a_single_piece_needs_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = Watched(fails=False)
    train(model, threads=3)
    assert model.threads == {threading.get_ident()}
    monkeypatch.setattr(device_module, "PIECE", 8)
    train(model, threads=3)
    assert len(model.threads) > 1


def test_a_models_error_in_a_thread_is_raised_with_its_own_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device_module, "PIECE", 8)
    with pytest.raises(ZeroDivisionError, match="my own mistake") as caught:
        train(Watched(fails=True), threads=3)
    assert "in forward" in "".join(traceback.format_exception(caught.value))
