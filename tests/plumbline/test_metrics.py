"""The metrics against their closed forms."""

import numpy as np
import pytest

from plumbline import metrics
from plumbline.core.tensors import Array
from plumbline.metrics import mae, max_error, r2, rmse


def test_every_number_of_threads_gives_the_same_bits() -> None:
    random = np.random.default_rng(0)
    n = 3 * metrics.CHUNK + 1
    predicted, true = (random.standard_normal((n, 1), np.float32) for _ in range(2))
    for metric in (mae, rmse, max_error, r2):
        alone = metric(predicted, true)
        assert {metric(predicted, true, threads) for threads in (2, 3, 8)} == {alone}


def column(*values: float) -> Array:
    return np.array(values, dtype=np.float32)[:, None]


def test_the_metrics_of_errors_3_and_minus_4_match_their_closed_forms() -> None:
    predicted, true = column(13, 16), column(10, 20)
    assert mae(predicted, true) == 3.5
    assert rmse(predicted, true) == pytest.approx(np.sqrt(12.5))
    assert max_error(predicted, true) == 4


def test_r2_is_1_for_the_truth_and_0_for_its_mean() -> None:
    true = column(1, 2, 6)
    assert r2(true, true) == 1
    assert r2(column(3, 3, 3), true) == pytest.approx(0)
    assert r2(column(2, 2, 6), true) == pytest.approx(1 - 1 / 14)


def test_r2_of_a_y_that_does_not_vary_is_1_or_0() -> None:
    assert r2(column(2, 2), column(2, 2)) == 1
    assert r2(column(2, 3), column(2, 2)) == 0


@pytest.mark.parametrize("metric", [mae, rmse, max_error])
def test_equal_predictions_have_no_error(metric: object) -> None:
    assert callable(metric)
    assert metric(column(1, 2), column(1, 2)) == 0


def test_the_mean_of_a_million_equal_errors_is_that_error() -> None:
    error = np.full((10**6, 1), 0.1, np.float32)
    assert mae(error, np.zeros_like(error)) == pytest.approx(np.float32(0.1), rel=1e-12)
