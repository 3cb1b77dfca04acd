"""Each sample is either for training or for testing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.core.errors import UserError
from plumbline.core.tensors import Pair
from stages.split import Split, split


def split_numbers(n: int, *params: float) -> tuple[Pair, Pair]:
    """Splits X = 0, 1, ..., n - 1 and y = 2 * X."""
    X = np.arange(n, dtype=np.float32)[:, None]
    return split(X, 2 * X, Split(*params))


@given(st.integers(1, 500), st.floats(0.01, 0.99), st.booleans(), st.integers(0, 2**63 - 1))
def test_every_sample_lands_in_exactly_one_part_and_only_an_empty_part_is_refused(
    n: int, fraction: float, shuffle: bool, seed: int
) -> None:
    if round(fraction * n) in {0, n}:
        with pytest.raises(UserError, match=rf"train_fraction: .* got \d+ of {n} for training$"):
            split_numbers(n, fraction, shuffle, seed)
        return
    (X_train, y_train), (X_test, y_test) = split_numbers(n, fraction, shuffle, seed)
    X = np.concatenate([X_train, X_test])[:, 0].tolist()
    assert abs(len(X_train) - fraction * n) <= 0.5
    assert sorted(X) == list(range(n))
    assert shuffle or sorted(X) == X
    assert np.concatenate([y_train, y_test])[:, 0].tolist() == [2 * x for x in X]


def test_the_seed_decides_the_shuffle() -> None:
    same, again, other = (split_numbers(100, 0.8, True, seed)[0][0].tolist() for seed in (1, 1, 2))
    assert same == again != other
