"""The history of a training: a CSV that keeps every bit."""

import csv
import math
import reprlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from stages.output import replacing


class Row(NamedTuple):
    """One evaluated epoch.

    train_loss is the loss before the epoch's step, test_loss the one after it, at weight and bias.
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
    with path.open(encoding="utf-8", newline="") as file:
        try:
            lines = list(csv.reader(file))
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: wanted a CSV file, got: {error}") from None
    if lines[:1] != [list(Row._fields)] or len(lines) < 2:
        got = reprlib.repr(lines[:1])
        raise ValueError(f"{path}: wanted rows below {','.join(Row._fields)}, got {got}")
    return [_row(f"{path}: line {i}", line) for i, line in enumerate(lines[1:], start=2)]


def _row(where: str, line: list[str]) -> Row:
    try:
        epoch, *numbers = line
        row = Row(int(epoch), *map(float, numbers))
    except (TypeError, ValueError):
        raise ValueError(
            f"{where}: wanted {len(Row._fields)} numbers, got {reprlib.repr(line)}"
        ) from None
    if not all(map(math.isfinite, row)):
        raise ValueError(f"{where}: wanted finite numbers, got {reprlib.repr(line)}")
    return row
