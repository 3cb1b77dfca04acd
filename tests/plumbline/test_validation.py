"""Errors match their closed forms; the rows of a validation keep every bit."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline import validation
from plumbline.core.errors import UserError
from plumbline.core.tensors import Array
from plumbline.validation import Kept, Repeat, mae, max_error, quartiles, r2, rmse


def test_every_number_of_threads_gives_the_same_bits() -> None:
    predicted, true = np.random.default_rng(0).random((2, 3 * validation.CHUNK + 1, 1), np.float32)
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


HEADER = "seed,mae,mae_low,mae_high,baseline_mae,held_out"
errors = st.floats(0, allow_nan=False, allow_infinity=False)
trained = st.tuples(errors, errors, errors) | st.just((None, None, None))


@given(st.lists(st.tuples(trained, errors, st.integers(1, 10**9))))
def test_every_number_reads_back_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "validation.csv"
    rows = [Repeat(i, *mae, baseline, n) for i, (mae, baseline, n) in enumerate(numbers)]
    validation.save(path, rows)
    assert validation.load(path) == rows


def test_a_training_that_diverged_is_worse_than_any_number(tmp_path: Path) -> None:
    row = Repeat(0, None, None, None, 0.0075, 16)
    validation.save(tmp_path / "validation.csv", [row])
    assert (tmp_path / "validation.csv").read_bytes().decode() == HEADER + "\n0,,,,0.0075,16\n"
    assert row.error == math.inf


def test_quartiles_are_those_of_numpy_or_infinite() -> None:
    for count in (5, 9, 37):
        numbers = np.random.default_rng(count).random(count)
        wanted = np.quantile(numbers, [0.25, 0.5, 0.75])
        assert quartiles(list(numbers)) == pytest.approx(tuple(wanted))
    assert quartiles([1, 2, 3, math.inf]) == (1.5, 2.5, math.inf)
    assert quartiles([1, math.inf, math.inf, math.inf]) == (math.inf, math.inf, math.inf)
    assert quartiles([7]) == (7, 7, 7)


def test_the_metrics_are_medians_and_leave_out_what_is_infinite() -> None:
    rows = [Repeat(i, mae, mae, mae, 10 * i, 9) for i, mae in enumerate([5.0, 1.0, 3.0, None])]
    names = ("validation_mae", "validation_mae_q1", "validation_baseline_mae")
    assert validation.metrics(rows) == dict(zip(names, (4, 2, 15), strict=True))
    assert validation.metrics([]) == {}


def test_rows_are_kept_of_the_same_trainings_alone_and_up_to_where_a_kill_cut(
    tmp_path: Path,
) -> None:
    row = Repeat(0, 0.5, 0.25, 1.0, 2.0, 9)
    Kept(tmp_path / "rows", "these").add(row)
    with (tmp_path / "rows.checkpoint").open("ab") as file:
        file.write(b"[1,0.5")
    assert Kept(tmp_path / "rows", "these").rows == [row]
    assert Kept(tmp_path / "rows", "others").rows == []


@pytest.mark.slow
def test_the_longest_file_can_be_read(tmp_path: Path) -> None:
    number = 1.1754943508222875e-308
    rows = [Repeat(i, *[number] * 4, 2**40) for i in range(validation.MAX_ROWS)]
    validation.save(tmp_path / "validation.csv", rows)
    assert validation.load(tmp_path / "validation.csv") == rows


@pytest.mark.parametrize(
    "line",
    ["1,1,1,1,1", "1,1,1,1,1,9,9", "1,1,,1,1,9", "1,,,,,9", "1.5,1,1,1,1,9", "-1,1,1,1,1,9",
     "1,1,1,1,1,0", "1,nan,1,1,1,9", "1,1,1,inf,1,9", "1,1,1,1,-1,9"],
)  # fmt: skip
def test_a_malformed_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "validation.csv").write_text(f"{HEADER}\n0,1,1,1,1,9\n{line}\n")
    with pytest.raises(UserError, match=f"/validation.csv: line 3: wanted finite .* {HEADER}, got"):
        validation.load(tmp_path / "validation.csv")
