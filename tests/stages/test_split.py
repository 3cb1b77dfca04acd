"""Every sample is in exactly one part."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.core.tensors import Array
from stages.split import Split, split

sizes = st.integers(min_value=2, max_value=500)
fractions = st.floats(min_value=0.01, max_value=0.99)


def samples(n: int) -> tuple[Array, Array]:
    X = np.arange(n, dtype=np.float32)[:, None]
    return X, X * 2


def try_split(n: int, **params: Any) -> tuple[tuple[Array, Array], tuple[Array, Array]] | None:
    """The parts, or None if one would be empty."""
    try:
        return split(*samples(n), Split(**{"shuffle": False, "seed": 0, **params}))
    except ValueError:
        return None


@given(sizes, fractions, st.booleans(), st.integers(0, 2**63 - 1))
def test_every_sample_lands_in_exactly_one_part(
    n: int, train_fraction: float, shuffle: bool, seed: int
) -> None:
    if parts := try_split(n, train_fraction=train_fraction, shuffle=shuffle, seed=seed):
        (X_train, y_train), (X_test, y_test) = parts
        X, y = np.concatenate([X_train, X_test]), np.concatenate([y_train, y_test])
        np.testing.assert_array_equal(np.sort(X, axis=0), samples(n)[0])
        np.testing.assert_array_equal(y, 2 * X)


@given(sizes, fractions)
def test_the_training_part_is_within_half_a_sample_of_its_fraction(n: int, fraction: float) -> None:
    if parts := try_split(n, train_fraction=fraction):
        assert abs(len(parts[0][0]) - fraction * n) <= 0.5


@given(sizes, fractions)
def test_only_an_empty_part_is_refused(n: int, fraction: float) -> None:
    assert (try_split(n, train_fraction=fraction) is None) == (round(fraction * n) in {0, n})


@given(sizes, fractions)
def test_without_shuffle_the_order_is_kept(n: int, fraction: float) -> None:
    if parts := try_split(n, train_fraction=fraction):
        np.testing.assert_array_equal(np.concatenate([X for X, _ in parts]), samples(n)[0])


def test_the_exercise_trains_on_the_first_80_of_100() -> None:
    (X_train, _), _ = split(*samples(100), Split(train_fraction=0.8, shuffle=False, seed=42))
    np.testing.assert_array_equal(X_train, samples(100)[0][:80])


def test_the_seed_decides_the_shuffle() -> None:
    first, again, other = (
        split(*samples(100), Split(train_fraction=0.8, shuffle=True, seed=seed))[0][0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_error_for_too_few_samples_gives_the_count() -> None:
    with pytest.raises(ValueError, match=r"train_fraction: .* got 1 of 1 for training$"):
        split(*samples(1), Split(train_fraction=0.8, shuffle=False, seed=0))
