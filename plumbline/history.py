"""The history of a training: a CSV with one row per evaluated epoch."""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from plumbline.core.command import number
from plumbline.core.errors import UserError
from plumbline.core.files import parse_csv, read, write_csv
from plumbline.core.params import MAX

# At most 1.6 MB, because git stores the file. Reading it takes up to 25 times that in memory.
MAX_ROWS = 10_000
MAX_BYTES = 160 * MAX_ROWS

LAST_ROWS = 10  # `warnings` looks at the last epochs, at most this many
SWING = 1.1  # in a swing, the highest loss is at least this many times the lowest


class Epoch(NamedTuple):
    """One evaluated epoch; all rows of a history have the same columns.

    train_loss is the mean of the batches' losses, each computed before its step; test_loss, weight
    and bias are those after the epoch. The losses are in the unit of `train.loss`, computed on
    y / y_std if y_std is set. Only a line in one feature has a weight and a bias; only a
    standardised training has a y_std, the standard deviation of the training y.
    """

    epoch: int
    train_loss: float
    test_loss: float
    weight: float | None = None
    bias: float | None = None
    y_std: float | None = None

    @property
    def is_finite(self) -> bool:
        """True if float32 can hold each number."""
        return all(abs(number or 0) <= MAX for number in self)


HEADERS = [
    [*Epoch._fields[:3], *line, *scale]
    for line in ((), ("weight", "bias"))
    for scale in ((), ("y_std",))
]


def loss_rise(rows: list[Epoch]) -> str:
    """The message that the last training loss is above the first; empty if it is not."""
    first, last = rows[0].train_loss, rows[-1].train_loss
    moved = f"from {number(first, 4)} to {number(last, 4)}"
    return f"the training loss rose {moved}" if last > first else ""


def loss_swing(rows: list[Epoch]) -> str:
    """The message that the testing loss swings by a tenth in the last epochs; else empty."""
    losses = [row.test_loss for row in last_epochs(rows)]
    low, high, n = min(losses), max(losses), len(losses)
    one_way = losses in (sorted(losses), sorted(losses, reverse=True))
    if one_way or high < SWING * low:
        return ""
    swing = f"between {number(low, 4)} and {number(high, 4)}"
    return f"the testing loss swings {swing} in the last {n} epochs"


def loss_fall(rows: list[Epoch]) -> str:
    """The message that the training loss still falls in the last epochs; else empty.

    That is: it fell in each of them, and a tenth more epochs at that pace would lower it by 1 %.
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


def warnings(rows: list[Epoch]) -> dict[str, str]:
    """Messages about problems that the last epoch does not show, each with its cure."""
    found = {
        loss_rise(rows): "the model did not learn; lower train.lr",
        loss_swing(rows): "the metrics depend on where training stops; lower train.lr",
        loss_fall(rows): "training has not settled; raise train.epochs or train.lr",
    }
    return {fact: f"{cure} in params.yaml" for fact, cure in found.items() if fact}


def last_epochs(rows: list[Epoch]) -> list[Epoch]:
    """The longest run of consecutive epochs at the end, at most ten rows."""
    last = rows[-LAST_ROWS:]
    without_gap = range(rows[-1].epoch - len(last) + 1, rows[-1].epoch + 1)
    return [row for row, epoch in zip(last, without_gap, strict=True) if row.epoch == epoch]


def save(path: Path, rows: list[Epoch]) -> None:
    """Writes one line per row, with the columns that are set in the first row."""
    names = [name for name, value in rows[0]._asdict().items() if value is not None]
    write_csv(path, names, ([getattr(row, name) for name in names] for row in rows))


def load(path: Path) -> list[Epoch]:
    """The rows in ascending order of epochs, at least one; UserError names a malformed line.

    A file written by `save` reads back as the same numbers.
    """
    return parse(read(path, MAX_BYTES), path)


def parse(content: bytes, path: Path | str) -> list[Epoch]:
    """Like `load`, from the content of the file; errors name the path."""
    rows = parse_csv(content, path, HEADERS, _row)
    if not rows:
        raise UserError(f"{path}: wanted rows below the names of the columns, got none")
    return rows


def _row(epoch: str, **cells: str) -> Epoch:
    row = Epoch(int(epoch), **{name: float(cell) for name, cell in cells.items()})
    if not (0 <= row.epoch < 2**31 and row.is_finite):
        raise ValueError
    return row
