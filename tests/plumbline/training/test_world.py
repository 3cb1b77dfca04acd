"""Each process has its share of the rows."""

from itertools import chain

import pytest

from plumbline.training.world import World


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [1, 5, 6, 7, 100])
def test_the_shares_cover_all_rows_in_order_and_are_whole_pieces(n: int, size: int) -> None:
    shares = [list(range(n))[World(rank, size).rows(n, 3)] for rank in range(size)]
    assert list(chain(*shares)) == list(range(n))
    assert all(share[0] % 3 == 0 for share in shares if share)
    pieces = [-(-len(share) // 3) for share in shares]
    assert max(pieces) - min(pieces) <= 1
