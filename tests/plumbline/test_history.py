"""The history keeps every bit, and an error names its line."""

from pathlib import Path

import pytest

from plumbline import history
from plumbline.core.errors import UserError
from plumbline.history import Epoch

HEADER = "epoch,train_loss,test_loss,weight,bias\n"
TINY = -1.1754943508222875e-38


@pytest.mark.parametrize("line", [(None, None), (TINY, 3.0)])
@pytest.mark.parametrize("y_std", [None, 77.5])
def test_a_row_reads_back_bit_for_bit_and_the_file_has_only_the_columns_that_are_set(
    tmp_path: Path, line: tuple[float | None, ...], y_std: float | None
) -> None:
    row = Epoch(0, 0.31288138031959534, 1e-45, *line, y_std)
    history.save(tmp_path / "history.csv", [row])
    assert history.load(tmp_path / "history.csv") == [row]
    text = (tmp_path / "history.csv").read_text()
    assert [name in text for name in ("weight,bias", "y_std")] == [line[0] is not None, bool(y_std)]


@pytest.mark.slow
def test_the_longest_history_can_be_read(tmp_path: Path) -> None:
    rows = [Epoch(2**30 + i, *[TINY] * 5) for i in range(history.MAX_ROWS)]
    history.save(tmp_path / "history.csv", rows)
    assert history.load(tmp_path / "history.csv") == rows


def ending(losses: list[float]) -> list[Epoch]:
    """Rows of 300 epochs: the first, with loss 9, and the last ones, with these losses."""
    first = 300 - len(losses)
    return [Epoch(0, 9.0, 9.0), *(Epoch(first + i, loss, loss) for i, loss in enumerate(losses))]


@pytest.mark.parametrize(
    ("losses", "facts"),
    [
        ([8.0, 9.5], ["the training loss rose from 9 to 9.5"]),
        # With lr 0.02, the exercise ends by alternating between two losses.
        ([0.0056, 0.0214] * 5,
         ["the testing loss swings between 0.0056 and 0.0214 in the last 10 epochs"]),
        ([0.0071, 0.0065] * 5, []),
        ([9.0, 9.0], []),
        ([0.5 - 0.001 * i for i in range(15)],
         ["the training loss still falls, from 0.495 to 0.486 in the last 10 epochs"]),
        ([0.5 - 1e-6 * i for i in range(10)], []),
    ],
)  # fmt: skip
def test_a_warning_is_given_only_if_it_is_true(losses: list[float], facts: list[str]) -> None:
    assert [*history.warnings(ending(losses))] == facts


def test_warnings_use_only_the_epochs_after_the_last_gap() -> None:
    rows = ending([0.1, 5.0, 9.0, 1.0, 9.0])
    del rows[2]
    assert "between 1 and 9 in the last 3 epochs" in history.loss_swing(rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch,loss\n0,1\n", "wanted the columns epoch,train_loss,test_loss or .*, got "),
        (HEADER, "wanted rows below the names of the columns, got none"),
        (HEADER + "2,1,2,3,4\n2,1,2,3,4\n", "wanted epoch in strictly ascending order"),
        *((HEADER + f"0,1,2,3,4\n{line}\n", "line 3: wanted finite numbers for epoch,train_loss")
          for line in ("9,1,2,3", "9.5,1,2,3,4", "9,1,nan,3,4", "9,1,3.5e38,3,4", "-1,1,2,3,4")),
    ],
)  # fmt: skip
def test_a_malformed_history_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(UserError, match=f"/history.csv: {message}"):
        history.load(tmp_path / "history.csv")
