"""Each epoch has every sample once."""

import pytest
import torch

from plumbline.model import PIECE
from plumbline.training.batches import Batches, Samples, batch_of

X = torch.arange(80.0)[:, None]
SAMPLES = Samples(X, 2 * X, 0, 80)


@pytest.mark.parametrize("size", [1, 7, 79])
def test_every_sample_is_in_exactly_one_batch_with_its_y(size: int) -> None:
    batches = list(Batches(SAMPLES, size, torch.Generator().manual_seed(0)))
    assert [batch.total for batch in batches[:-1]] == [size] * (len(batches) - 1)
    rows = [torch.cat([X, y], dim=1) for batch in batches for X, y, _ in batch.pieces]
    assert torch.equal(torch.cat(rows).sort(dim=0).values, torch.cat([X, 2 * X], dim=1))


def test_each_epoch_has_a_different_order() -> None:
    batches = Batches(SAMPLES, 40, torch.Generator().manual_seed(0))
    first, second = (next(iter(batches)).pieces[0][0] for _ in range(2))
    assert not torch.equal(first, second)


def test_a_pieces_share_is_its_fraction_of_the_batchs_rows() -> None:
    column = torch.zeros(2 * PIECE + 5, 1)
    shares = [share.item() for _, _, share in batch_of(column, column, 4 * PIECE).pieces]
    assert shares == pytest.approx([0.25, 0.25, 5 / (4 * PIECE)])


def test_a_process_without_rows_in_the_batch_has_no_pieces() -> None:
    assert batch_of(X[:0], X[:0], 3).pieces == []
