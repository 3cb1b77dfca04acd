"""The metrics against their closed forms."""

import numpy as np
import pytest

from plumbline import metrics
from plumbline.core.tensors import Array
from plumbline.metrics import mae, max_error, r2, rmse


def test_every_number_of_threads_gives_the_same_bits() -> None:
    predicted, true = np.random.default_rng(0).random((2, 3 * metrics.CHUNK + 1, 1), np.float32)
    for metric in (mae, rmse, max_error, r2):
        alone = metric(predicted, true)
        assert {metric(predicted, true, threads) for threads in (2, 3, 8)} == {alone}


def column(*values: float) -> Array:
    return np.array(values, dtype=np.float32)[:, None]


@pytest.mark.parametrize(
    ("predicted", "true", "mae_rmse_max_r2"),
    [
        (column(13, 16), column(10, 20), (3.5, 12.5**0.5, 4, 0.5)),
        (column(1, 2, 6), column(1, 2, 6), (0, 0, 0, 1)),
        (column(3, 3, 3), column(1, 2, 6), (2, (14 / 3) ** 0.5, 3, 0)),
        (column(2, 2), column(2, 2), (0, 0, 0, 1)),
        (column(2, 3), column(2, 2), (0.5, 0.5**0.5, 1, 0)),
    ],
)
def test_the_metrics_match_their_closed_forms(
    predicted: Array, true: Array, mae_rmse_max_r2: tuple[float, ...]
) -> None:
    found = [metric(predicted, true) for metric in (mae, rmse, max_error, r2)]
    assert found == pytest.approx(mae_rmse_max_r2)


def test_the_mean_of_a_million_equal_errors_is_that_error() -> None:
    error = np.full((10**6, 1), 0.1, np.float32)
    assert mae(error, np.zeros_like(error)) == pytest.approx(np.float32(0.1), rel=1e-12)
