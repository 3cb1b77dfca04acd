"""Error metrics match known values; validation rows load exactly as they were saved."""

from pathlib import Path

import numpy as np
import pytest

from plumbline import validation
from plumbline.core.errors import UserError
from plumbline.validation import Repeat, mae, max_error, quartiles, r2, rmse


def test_every_number_of_threads_gives_the_same_bits() -> None:
    predicted, true = np.random.default_rng(0).random((2, 3 * validation.CHUNK + 1, 1), np.float32)
    for metric in (mae, rmse, max_error, r2):
        assert metric(predicted, true, 3) == metric(predicted, true)


def test_r2_of_a_constant_is_1_without_an_error_and_0_with_one() -> None:
    constant, other = np.array([[[2], [2]], [[2], [3]]], np.float32)
    assert (r2(constant, constant), r2(other, constant)) == (1, 0)


def test_the_mean_of_a_million_equal_errors_is_that_error() -> None:
    error = np.full((10**6, 1), 0.1, np.float32)
    assert mae(error, np.zeros_like(error)) == pytest.approx(np.float32(0.1), rel=1e-12)


def test_quartiles_of_an_odd_count_are_those_of_numpy() -> None:
    numbers = np.random.default_rng(0).random(9)
    wanted = np.quantile(numbers, [0.25, 0.5, 0.75])
    assert quartiles(list(numbers)) == pytest.approx(tuple(wanted))


def test_the_metrics_are_medians_and_quartiles_and_infinite_ones_are_left_out() -> None:
    rows = [Repeat(i, mae, mae, mae, 10 * i, 9) for i, mae in enumerate([5.0, 1.0, 3.0, None])]
    names = ("validation_mae", "validation_mae_q1", "validation_baseline_mae")
    assert validation.metrics(rows) == dict(zip(names, (4, 2, 15), strict=True))
    assert validation.metrics([]) == {}


@pytest.mark.slow
def test_the_longest_file_reads_back_bit_for_bit(tmp_path: Path) -> None:
    number = 1.1754943508222875e-308
    rows = [Repeat(i, *[number] * 4, 2**40) for i in range(1, validation.MAX_ROWS)]
    rows.insert(0, Repeat(0, None, None, None, number, 1))
    validation.save(tmp_path / "validation.csv", rows)
    assert validation.load(tmp_path / "validation.csv") == rows


@pytest.mark.parametrize(
    "line",
    ["1,1,1,1,1", "1,1,,1,1,9", "1,,,,,9", "1.5,1,1,1,1,9", "1,1,1,1,1,0", "1,nan,1,1,1,9",
     "1,1,1,inf,1,9", "1,1,1,1,-1,9"],
)  # fmt: skip
def test_a_malformed_line_is_named(tmp_path: Path, line: str) -> None:
    header = "seed,mae,mae_low,mae_high,baseline_mae,held_out"
    (tmp_path / "validation.csv").write_text(f"{header}\n0,1,1,1,1,9\n{line}\n")
    with pytest.raises(UserError, match=f"/validation.csv: line 3: wanted finite .* {header}, got"):
        validation.load(tmp_path / "validation.csv")
