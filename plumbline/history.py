"""The history of a training: a CSV with a row for each evaluated epoch."""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from plumbline.core.command import number
from plumbline.core.errors import UserError
from plumbline.core.files import parse_csv, read, write_csv
from plumbline.core.params import MAX

# The longest history, since git keeps it: 1.6 MB. Reading it takes up to 25 times that in memory.
MAX_ROWS = 10_000
MAX_BYTES = 160 * MAX_ROWS

LAST = 10  # epochs at the end that facts are about
SWING = 1.1  # the least ratio of the highest to the lowest loss of a swing


class Epoch(NamedTuple):
    """One evaluated epoch.

    train_loss is the mean of the batches' losses, each before its step; test_loss, weight and bias
    are those after the epoch. The losses are in the unit of `train.loss`, of y / y_std if there is
    a y_std. Only a line in one feature has a weight and a bias, and only a standardised training
    has a y_std: the standard deviation of the training y. All rows have the same columns.
    """

    epoch: int
    train_loss: float
    test_loss: float
    weight: float | None = None
    bias: float | None = None
    y_std: float | None = None


HEADERS = [
    [*Epoch._fields[:3], *line, *scale]
    for line in ((), ("weight", "bias"))
    for scale in ((), ("y_std",))
]


def loss_rise(rows: list[Epoch]) -> str:
    """How the training loss rose, if the last one is above the first; else empty."""
    first, last = rows[0].train_loss, rows[-1].train_loss
    moved = f"from {number(first, 4)} to {number(last, 4)}"
    return f"the training loss rose {moved}" if last > first else ""


def loss_swing(rows: list[Epoch]) -> str:
    """The range of the testing loss over the last epochs, if it goes up and down by a tenth."""
    losses = [row.test_loss for row in last_epochs(rows)]
    low, high, n = min(losses), max(losses), len(losses)
    one_way = losses in (sorted(losses), sorted(losses, reverse=True))
    if one_way or high < SWING * low:
        return ""
    swing = f"between {number(low, 4)} and {number(high, 4)}"
    return f"the testing loss swings {swing} in the last {n} epochs"


def loss_fall(rows: list[Epoch]) -> str:
    """The fall of the training loss in each of the last epochs, if it is far from settled.

    It is if a tenth more epochs, at the same pace, would lower the loss by 1 %.
    """
    losses = [row.train_loss for row in last_epochs(rows)]
    first, last, n = losses[0], losses[-1], len(losses)
    if n < 2 or not all(later < loss for loss, later in pairwise(losses)):
        return ""
    gain = (first - last) / (n - 1) * (rows[-1].epoch + 1) / 10
    if gain < last / 100:
        return ""
    moved = f"from {number(first, 4)} to {number(last, 4)}"
    return f"the training loss still falls, {moved} in the last {n} epochs"


def facts(rows: list[Epoch]) -> dict[str, str]:
    """What the last epoch alone does not show: each fact with its cure."""
    found = {
        loss_rise(rows): "the model did not learn; lower train.lr",
        loss_swing(rows): "where training stops decides the metrics; lower train.lr",
        loss_fall(rows): "training has not settled; raise train.epochs or train.lr",
    }
    return {fact: f"{cure} in params.yaml" for fact, cure in found.items() if fact}


def last_epochs(rows: list[Epoch]) -> list[Epoch]:
    """The rows of up to ten last epochs, back to the first gap."""
    last = rows[-LAST:]
    without_gap = range(rows[-1].epoch - len(last) + 1, rows[-1].epoch + 1)
    return [row for row, epoch in zip(last, without_gap, strict=True) if row.epoch == epoch]


def save(path: Path, rows: list[Epoch]) -> None:
    """Writes a line for each row, with the columns that the first one has."""
    names = [name for name, value in rows[0]._asdict().items() if value is not None]
    write_csv(path, names, ([getattr(row, name) for name in names] for row in rows))


def load(path: Path) -> list[Epoch]:
    """The rows in the order of their epochs, at least one; UserError names the line that is wrong.

    A file written by `save` reads back as the same numbers.
    """
    return parse(read(path, MAX_BYTES), path)


def parse(content: bytes, path: Path | str) -> list[Epoch]:
    """As `load`, from the content of the file."""
    rows = parse_csv(content, path, HEADERS, _row)
    if not rows:
        raise UserError(f"{path}: wanted rows below the names of the columns, got none")
    return rows


def _row(epoch: str, **cells: str) -> Epoch:
    row = Epoch(int(epoch), **{name: float(cell) for name, cell in cells.items()})
    # The comparisons refuse nan and inf too.
    if not (0 <= row.epoch < 2**31 and all(abs(n or 0) <= MAX for n in row)):
        raise ValueError
    return row
