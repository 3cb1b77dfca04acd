"""The history of a training: a CSV with a row for each evaluated epoch."""

import csv
import io
import reprlib
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from plumbline.core.errors import UserError
from plumbline.core.files import read, replacing

# The longest history, since git keeps it: 1.6 MB. Reading it takes up to 25 times that in memory.
ROWS = 10_000
BYTES = 160 * ROWS

# Epochs at the end of training that remarks are about, and the ratio that makes them a swing.
LAST = 10
SWING = 1.1

FLOAT32_MAX = (2 - 2**-23) * 2.0**127


class Row(NamedTuple):
    """One evaluated epoch.

    train_loss is the mean loss before the epoch's steps; test_loss, weight and bias are those
    after them. The losses are in the unit of `train.loss`, of y / y_std if there is a y_std. Only a
    line in one feature has a weight and a bias, and only a standardised training has a y_std: the
    standard deviation of the training y. A history has these columns in all rows or in none.
    """

    epoch: int
    train_loss: float
    test_loss: float
    weight: float | None = None
    bias: float | None = None
    y_std: float | None = None


HEADERS = [
    [*Row._fields[:3], *line, *scale]
    for line in ((), ("weight", "bias"))
    for scale in ((), ("y_std",))
]


def did_not_learn(rows: list[Row]) -> str:
    """How the training loss rose, if the last one is above the first; else empty."""
    first, last = rows[0].train_loss, rows[-1].train_loss
    return f"the training loss rose from {first:.4g} to {last:.4g}" if last > first else ""


def swings(rows: list[Row]) -> str:
    """The range of the testing loss over the last epochs, if it goes up and down by a tenth."""
    losses = [row.test_loss for row in last_epochs(rows)]
    low, high = min(losses), max(losses)
    one_way = losses in (sorted(losses), sorted(losses, reverse=True))
    if one_way or high < SWING * low:
        return ""
    return (
        f"the testing loss swings between {low:.4g} and {high:.4g} in the last {len(losses)} epochs"
    )


def still_falls(rows: list[Row]) -> str:
    """The fall of the training loss in each of the last epochs, if there is one worth waiting for.

    It is if going on like this for a tenth of the epochs would lower the loss by a hundredth.
    """
    losses = [row.train_loss for row in last_epochs(rows)]
    first, last, n = losses[0], losses[-1], len(losses)
    falls = all(later < loss for loss, later in pairwise(losses))
    if not falls or n < 2:
        return ""
    gain = (first - last) / (n - 1) * (rows[-1].epoch + 1) / 10
    if gain < last / 100:
        return ""
    return f"the training loss still falls, from {first:.4g} to {last:.4g} in the last {n} epochs"


def facts(rows: list[Row]) -> dict[str, str]:
    """What the numbers of the last epoch hide, and the parameter that would help."""
    found = {
        did_not_learn(rows): "the model did not learn; lower train.lr",
        swings(rows): "where training stops decides the metrics; lower train.lr",
        still_falls(rows): "training has not settled; raise train.epochs or train.lr",
    }
    return {fact: cure for fact, cure in found.items() if fact}


def remarks(rows: list[Row]) -> list[str]:
    """The facts, each with its cure."""
    return [f"{fact}: {cure} in params.yaml" for fact, cure in facts(rows).items()]


def last_epochs(rows: list[Row]) -> list[Row]:
    """The rows of the last ten epochs, as far back as no epoch is missing."""
    first = len(rows) - 1
    while first and rows[first - 1].epoch == rows[first].epoch - 1 and len(rows) - first < LAST:
        first -= 1
    return rows[first:]


def save(path: Path, rows: list[Row]) -> None:
    """Writes each number as the shortest decimal that reads back as the same float."""
    columns = [name for name, value in rows[0]._asdict().items() if value is not None]
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([getattr(row, name) for name in columns] for row in rows)


def load(path: Path) -> list[Row]:
    """The rows in the order of their epochs, at least one; UserError names the line that is wrong.

    A file written by `save` reads back as the same numbers.
    """
    try:
        lines = csv.reader(io.StringIO(read(path, BYTES).decode(), newline=""))
        header = next(lines, [])
        body = enumerate(lines if header in HEADERS else [], start=2)
        rows = [_row(f"{path}: line {i}", line, header) for i, line in body]
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{path}: wanted a CSV file, got: {error}") from None
    if not rows:
        got = reprlib.repr(header)
        raise UserError(f"{path}: wanted rows below {','.join(Row._fields[:3])}, got {got}")
    if any(later.epoch <= row.epoch for row, later in pairwise(rows)):
        raise UserError(f"{path}: wanted the epochs in ascending order")
    return rows


def _row(where: str, line: list[str], header: list[str]) -> Row:
    try:
        epoch, numbers = int(line[0]), [float(text) for text in line[1:]]
    except (IndexError, ValueError):
        numbers = []
    if len(numbers) + 1 != len(header):
        raise UserError(f"{where}: wanted {len(header)} numbers, got {reprlib.repr(line)}")
    # The comparisons refuse nan and inf too.
    if not (0 <= epoch < 2**31 and all(abs(number) <= FLOAT32_MAX for number in numbers)):
        raise UserError(f"{where}: wanted finite numbers, got {reprlib.repr(line)}")
    return Row(epoch, **dict(zip(header[1:], numbers, strict=True)))
