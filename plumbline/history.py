"""The history of a training: a CSV with a row for each evaluated epoch."""

import csv
import io
import reprlib
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from plumbline.core.errors import UserError
from plumbline.core.files import read, replacing

# The longest history, since git keeps it: 1.2 MB. Reading it takes up to 25 times that in memory.
ROWS = 10_000
BYTES = 120 * ROWS

FLOAT32_MAX = (2 - 2**-23) * 2.0**127


class Row(NamedTuple):
    """One evaluated epoch.

    train_loss is the mean loss before the epoch's steps; test_loss, weight and bias are those
    after them. The losses are in the unit of `train.loss`. Only a line in one feature has a
    weight and a bias; a history has the two columns in all rows or in none.
    """

    epoch: int
    train_loss: float
    test_loss: float
    weight: float | None = None
    bias: float | None = None

    def numbers(self) -> list[float]:
        """The columns that this row has."""
        return [number for number in self if number is not None]


HEADERS = list(Row._fields), list(Row._fields[:3])


def save(path: Path, rows: list[Row]) -> None:
    """Writes each number as the shortest decimal that reads back as the same float."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        lines = [row.numbers() for row in rows]
        writer.writerow(Row._fields[: len(lines[0])])
        writer.writerows(lines)


def load(path: Path) -> list[Row]:
    """The rows in the order of their epochs, at least one; UserError names the line that is wrong.

    A file written by `save` reads back as the same numbers.
    """
    try:
        lines = csv.reader(io.StringIO(read(path, BYTES).decode(), newline=""))
        header = next(lines, [])
        body = enumerate(lines if header in HEADERS else [], start=2)
        rows = [_row(f"{path}: line {i}", line, len(header)) for i, line in body]
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{path}: wanted a CSV file, got: {error}") from None
    if not rows:
        got = reprlib.repr(header)
        raise UserError(f"{path}: wanted rows below {','.join(Row._fields)}, got {got}")
    if any(later.epoch <= row.epoch for row, later in pairwise(rows)):
        raise UserError(f"{path}: wanted the epochs in ascending order")
    return rows


def _row(where: str, line: list[str], columns: int) -> Row:
    try:
        epoch, numbers = int(line[0]), [float(text) for text in line[1:]]
    except (IndexError, ValueError):
        numbers = []
    if len(numbers) + 1 != columns:
        raise UserError(f"{where}: wanted {columns} numbers, got {reprlib.repr(line)}")
    # The comparisons refuse nan and inf too.
    if not (0 <= epoch < 2**31 and all(abs(number) <= FLOAT32_MAX for number in numbers)):
        raise UserError(f"{where}: wanted finite numbers, got {reprlib.repr(line)}")
    return Row(epoch, *numbers)
