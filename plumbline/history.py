"""The history of a training: a CSV with a row for each evaluated epoch."""

import csv
import io
import reprlib
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from plumbline.core.files import read, replacing

# The longest history. Reading it takes up to 25 times its bytes in memory.
ROWS = 80_000
BYTES = 120 * ROWS

FLOAT32_MAX = (2 - 2**-23) * 2.0**127


class Row(NamedTuple):
    """One evaluated epoch.

    train_loss is the mean loss before the epoch's steps; test_loss, weight and bias are those
    after them. The losses are in the unit of `train.loss`.
    """

    epoch: int
    train_loss: float
    test_loss: float
    weight: float
    bias: float


def save(path: Path, rows: Iterable[Row]) -> None:
    """Writes each number as the shortest decimal that reads back as the same float."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(rows)


def load(path: Path) -> list[Row]:
    """The rows in the order of their epochs, at least one; ValueError names the line that is wrong.

    A file written by `save` reads back as the same numbers.
    """
    try:
        lines = csv.reader(io.StringIO(read(path, BYTES).decode(), newline=""))
        header = next(lines, [])
        body = enumerate(lines if header == list(Row._fields) else [], start=2)
        rows = [_row(f"{path}: line {i}", line) for i, line in body]
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: wanted a CSV file, got: {error}") from None
    if not rows:
        got = reprlib.repr(header)
        raise ValueError(f"{path}: wanted rows below {','.join(Row._fields)}, got {got}")
    if any(later.epoch <= row.epoch for row, later in pairwise(rows)):
        raise ValueError(f"{path}: wanted the epochs in ascending order")
    return rows


def _row(where: str, line: list[str]) -> Row:
    try:
        epoch, *numbers = line
        row = Row(int(epoch), *map(float, numbers))
    except (TypeError, ValueError):
        raise ValueError(
            f"{where}: wanted {len(Row._fields)} numbers, got {reprlib.repr(line)}"
        ) from None
    # The comparisons refuse nan and inf too.
    if not (0 <= row.epoch < 2**31 and all(abs(number) <= FLOAT32_MAX for number in row[1:])):
        raise ValueError(f"{where}: wanted finite numbers, got {reprlib.repr(line)}")
    return row
