"""The history keeps every bit, and an error names its line."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline import history
from plumbline.core.errors import UserError
from plumbline.history import Epoch

HEADER = "epoch,train_loss,test_loss,weight,bias\n"
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(*[floats] * 5), min_size=1), st.booleans(), st.booleans())
def test_every_float32_reads_back_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[Any], line: bool, scale: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "history.csv"
    rows = [
        Epoch(epoch, a, b, *((c, d) if line else (None, None)), e if scale else None)
        for epoch, (a, b, c, d, e) in enumerate(numbers)
    ]
    history.save(path, rows)
    assert history.load(path) == rows


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (Epoch(0, 0.31288138031959534, 0.5, -1e-10, 3.0),
         HEADER + "0,0.31288138031959534,0.5,-1e-10,3.0\n"),
        (Epoch(0, 0.5, 0.25, y_std=77.5), "epoch,train_loss,test_loss,y_std\n0,0.5,0.25,77.5\n"),
    ],
)  # fmt: skip
def test_a_history_has_the_shortest_decimals_of_only_the_columns_that_its_model_has(
    tmp_path: Path, row: Epoch, text: str
) -> None:
    history.save(tmp_path / "history.csv", [row])
    assert (tmp_path / "history.csv").read_bytes().decode() == text


def ending(losses: list[float]) -> list[Epoch]:
    """A history of 300 epochs with these losses in the last ones."""
    first = 300 - len(losses)
    return [Epoch(0, 9.0, 9.0), *(Epoch(first + i, loss, loss) for i, loss in enumerate(losses))]


@pytest.mark.parametrize(
    ("fact", "losses", "text"),
    [
        (history.loss_rise, [8.0, 9.5], "the training loss rose from 9 to 9.5"),
        (history.loss_rise, [9.5, 9.0], ""),
        # The exercise with lr 0.02 ends in a cycle of two.
        (history.loss_swing, [0.0056, 0.0214] * 5,
         "the testing loss swings between 0.0056 and 0.0214 in the last 10 epochs"),
        (history.loss_swing, [0.0065, 0.0071] * 5, ""),
        (history.loss_swing, [1.0, 0.8, 0.6, 0.4], ""),
        (history.loss_fall, [0.5 - 0.001 * i for i in range(10)],
         "the training loss still falls, from 0.5 to 0.491 in the last 10 epochs"),
        (history.loss_fall, [0.5 - 1e-6 * i for i in range(10)], ""),
        (history.loss_fall, [0.004, 0.008] * 5, ""),
    ],
)  # fmt: skip
def test_a_fact_is_told_only_if_it_is_one(fact: Any, losses: list[float], text: str) -> None:
    assert fact(ending(losses)) == text


def test_facts_are_about_the_last_ten_epochs_without_a_gap() -> None:
    rows = ending([float(i) for i in range(15)])
    assert [row.epoch for row in history.last_epochs(rows)] == list(range(290, 300))
    assert [row.epoch for row in history.last_epochs(rows[:4])] == [285, 286, 287]


@pytest.mark.slow
def test_the_longest_history_can_be_read(tmp_path: Path) -> None:
    numbers = [-1.1754943508222875e-38] * 5
    history.save(
        tmp_path / "history.csv", [Epoch(2**30 + n, *numbers) for n in range(history.MAX_ROWS)]
    )
    assert len(history.load(tmp_path / "history.csv")) == history.MAX_ROWS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "wanted the columns epoch,train_loss,test_loss or .*, got "),
        ("epoch,loss\n0,1\n", "wanted the columns epoch,train_loss,test_loss or .*, got "),
        (HEADER, "wanted rows below the names of the columns, got none"),
        (HEADER + "2,1,2,3,4\n2,1,2,3,4\n", "wanted epoch in ascending order"),
        ("\udcff", "wanted a CSV file, got: "),
        *((HEADER + f"0,1,2,3,4\n{line}\n", "line 3: wanted finite numbers for epoch,train_loss")
          for line in ("9,1,2,3", "9.5,1,2,3,4", "9,1,nan,3,4", "9,1,3.5e38,3,4",
                       "9" * 400 + ",1,2,3,4", "-1,1,2,3,4")),
    ],
)  # fmt: skip
def test_a_malformed_history_is_refused_with_the_reason(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "history.csv").write_text(text, errors="surrogateescape")
    with pytest.raises(UserError, match=f"/history.csv: {message}"):
        history.load(tmp_path / "history.csv")
