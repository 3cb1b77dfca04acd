"""Errors of predictions, and a CSV with one row per repeated training.

Errors are in the unit of y, computed in float64, and the same for any number of threads.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec
import numpy as np

from plumbline.core.command import number
from plumbline.core.files import parse_csv, read, write_csv
from plumbline.core.tensors import Array, Floats
from plumbline.core.threads import map_in_threads

# Errors are computed for this many rows at a time, to save memory.
CHUNK = 262_144

# At most 1.3 MB, because git stores the file.
MAX_ROWS = 10_000
MAX_BYTES = 130 * MAX_ROWS

# The median and the quartiles of `Repeat.error`, and the median of `Repeat.baseline_mae`.
METRICS = ("validation_mae", "validation_mae_q1", "validation_mae_q3", "validation_baseline_mae")


def mae(predicted: Array, true: Array, threads: int = 1) -> float:
    """Mean absolute error; predicted, true: (n, 1)."""
    return sum(map_errors(lambda e: np.abs(e, out=e).sum(), predicted, true, threads)) / len(true)


def baseline_mae(train: Array, true: Array, threads: int = 1) -> float:
    """MAE of predicting the median of the training y for every sample; train: (m, 1), true: (n, 1).

    On the training samples, no other constant has a lower MAE.
    """
    return mae(np.broadcast_to(np.median(train), true.shape), true, threads)


def rmse(predicted: Array, true: Array, threads: int = 1) -> float:
    """Root of the mean squared error; predicted, true: (n, 1)."""
    return float(np.sqrt(_sum_of_squares(predicted, true, threads) / len(true)))


def max_error(predicted: Array, true: Array, threads: int = 1) -> float:
    """Largest absolute error; predicted, true: (n, 1)."""
    return max(map_errors(lambda e: np.abs(e, out=e).max(), predicted, true, threads))


def r2(predicted: Array, true: Array, threads: int = 1) -> float:
    """Coefficient of determination, 1 - mean squared error / variance of y; no unit.

    predicted, true: (n, 1). If y is constant, 1 if all predictions are exact and 0 if not, as in
    scikit-learn: https://scikit-learn.org/stable/modules/generated/sklearn.metrics.r2_score.html
    """
    squares = _sum_of_squares(predicted, true, threads)
    # Rounded to float32, the mean of a constant y is that constant: its variance is exactly 0.
    mean = true.mean(keepdims=True, dtype=np.float64).astype(np.float32)
    variance = _sum_of_squares(true, np.broadcast_to(mean, true.shape), threads)
    return 1 - squares / variance if variance else float(squares == 0)


def _sum_of_squares(predicted: Array, true: Array, threads: int) -> float:
    return sum(map_errors(lambda e: np.square(e, out=e).sum(), predicted, true, threads))


def map_errors(
    function: Callable[[Floats], float], predicted: Array, true: Array, threads: int = 1
) -> list[float]:
    """The values of function(predicted - true) for each chunk, in order; predicted, true: (n, 1).

    To save time, the function may overwrite its argument: new memory costs a page fault per 4 KB.
    """

    def of_chunk(start: int) -> float:
        rows = slice(start, start + CHUNK)
        return float(function(predicted[rows].astype(np.float64) - true[rows]))

    return map_in_threads(of_chunk, range(0, len(predicted), CHUNK), threads)


class Repeat(NamedTuple):
    """One training on some training samples, and its errors on some others, which are held out.

    mae: the mean of the held-out MAE over the last epochs; mae_low, mae_high: its range; all three
    are None if the training diverged. baseline_mae: the held-out MAE of always predicting the
    median y of the samples trained on. held_out: the number of held-out samples.
    """

    seed: int
    mae: float | None
    mae_low: float | None
    mae_high: float | None
    baseline_mae: float
    held_out: int

    @property
    def error(self) -> float:
        """The MAE; infinite if the training diverged, so that it is worse than any number."""
        return math.inf if self.mae is None else self.mae


class Quartiles(NamedTuple):
    q1: float
    median: float
    q3: float


def quartiles(numbers: list[float]) -> Quartiles:
    """The medians of the lower half, of all, and of the upper half of one or more numbers.

    If their count is odd, the middle number is in both halves. These are Tukey's hinges; unlike
    numpy's quantiles, they are never nan if some numbers are infinite.
    """
    ordered, half = sorted(numbers), (len(numbers) + 1) // 2
    return Quartiles(median(ordered[:half]), median(ordered), median(ordered[-half:]))


def metrics(rows: list[Repeat]) -> dict[str, float]:
    """The finite values of METRICS, by name; empty if no training was repeated."""
    if not rows:
        return {}
    found = quartiles([row.error for row in rows])
    numbers = found.median, found.q1, found.q3, median([row.baseline_mae for row in rows])
    return {name: n for name, n in zip(METRICS, numbers, strict=True) if n < math.inf}


def summary(rows: list[Repeat]) -> str:
    """A sentence that sums up the rows."""
    if not rows:
        return "validate.repeats is 0: no training was repeated, so the gate cannot judge the model"
    numbers = dict.fromkeys(METRICS, math.inf) | metrics(rows)
    middle, q1, q3, baseline = (number(value, 4) for value in numbers.values())
    diverged = sum(row.mae is None for row in rows)
    return (
        f"validation_mae of {len(rows)} trainings: median {middle}, half of them from {q1} to {q3};"
        f" predicting the median of y: {baseline}" + f"; {diverged} diverged" * bool(diverged)
    )


class KeptRepeats:
    """The rows of the finished trainings, kept in a file next to the output. DVC ignores the file.

    A killed validation resumes after the last row. fingerprint: a hash of all that affects a row.
    """

    def __init__(self, output: Path, fingerprint: str) -> None:
        self.path = output.with_name(output.name + ".checkpoint")
        self.rows: list[Repeat] = []
        content = self.path.read_bytes() if self.path.is_file() else b""
        first, _, lines = content[: content.rfind(b"\n") + 1].partition(b"\n")
        if first == fingerprint.encode():
            with suppress(msgspec.DecodeError):
                self.rows = msgspec.json.Decoder(Repeat).decode_lines(lines)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = msgspec.json.Encoder().encode_lines(self.rows)
        self.path.write_bytes(fingerprint.encode() + b"\n" + lines)

    def add(self, row: Repeat) -> None:
        self.rows.append(row)
        with self.path.open("ab") as file:
            file.write(msgspec.json.Encoder().encode_lines([row]))

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def save(path: Path, rows: list[Repeat]) -> None:
    write_csv(path, Repeat._fields, rows)


def load(path: Path) -> list[Repeat]:
    """The rows in ascending order of seeds; UserError names a malformed line.

    A file written by `save` reads back as the same numbers. No rows if no training was repeated.
    """
    return parse(read(path, MAX_BYTES), path)


def parse(content: bytes, path: Path | str) -> list[Repeat]:
    """Like `load`, from the content of the file; errors name the path."""
    return parse_csv(content, path, [[*Repeat._fields]], _row)


def _row(seed: str, baseline_mae: str, held_out: str, **errors: str) -> Repeat:
    diverged = not any(errors.values())
    mae, low, high = (None if diverged else float(cell) for cell in errors.values())
    row = Repeat(int(seed), mae, low, high, float(baseline_mae), int(held_out))
    if not row.held_out or not all(0 <= (n or 0) < math.inf for n in row):
        raise ValueError
    return row
