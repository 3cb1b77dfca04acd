"""Each epoch has every sample once."""

from itertools import chain
from pathlib import Path

import pytest
import torch

from plumbline.core import tensors
from plumbline.inference.predict import PIECE
from plumbline.training.batches import Batches, Samples, full_batch, load_share
from plumbline.training.world import ALONE, World
from tests.support.exercise import INFO
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


def test_a_pieces_share_is_its_fraction_of_the_batchs_rows() -> None:
    column = torch.zeros(2 * PIECE + 5, 1)
    batch = full_batch(Samples(column, column, 0, len(column)), ALONE)
    shares = [piece.share.item() for piece in batch.own]
    assert shares == pytest.approx([PIECE / len(column)] * 2 + [5 / len(column)])


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

    with pytest.raises(ValueError, match="/[01]: wanted as many rows in all processes, got"):
        in_ranks(load, [1, 1])
