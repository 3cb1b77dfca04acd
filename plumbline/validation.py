"""Errors of predictions, and the CSV of repeated trainings, with a row for each.

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

# Rows that are compared at a time, so that the differences need little memory.
CHUNK = 262_144

# The most trainings, since git keeps the file: 1.3 MB.
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
    """Coefficient of determination: 1 minus the errors' share of the variance of y; no unit.

    predicted, true: (n, 1). If y does not vary, 1 without an error and 0 with one, as in
    scikit-learn: https://scikit-learn.org/stable/modules/generated/sklearn.metrics.r2_score.html
    """
    squares = _sum_of_squares(predicted, true, threads)
    # The rounded mean of a constant y is that constant, so its variance is exactly 0.
    mean = true.mean(keepdims=True, dtype=np.float64).astype(np.float32)
    variance = _sum_of_squares(true, np.broadcast_to(mean, true.shape), threads)
    return 1 - squares / variance if variance else float(squares == 0)


def _sum_of_squares(predicted: Array, true: Array, threads: int) -> float:
    return sum(map_errors(lambda e: np.square(e, out=e).sum(), predicted, true, threads))


def map_errors(
    function: Callable[[Floats], float], predicted: Array, true: Array, threads: int = 1
) -> list[float]:
    """function(predicted - true) of each chunk, in order; both are (n, 1).

    The function may overwrite its argument, because new memory costs a page fault for each 4 KB.
    """

    def of_chunk(start: int) -> float:
        rows = slice(start, start + CHUNK)
        return float(function(predicted[rows].astype(np.float64) - true[rows]))

    return map_in_threads(of_chunk, range(0, len(predicted), CHUNK), threads)


class Repeat(NamedTuple):
    """One training on a part of the training samples, judged on the rest, which is held out.

    mae: the mean over the training's last epochs; mae_low, mae_high: the range; all are None for a
    training that diverged. baseline_mae: the error of predicting the median of the y that trained.
    held_out: the number of samples that are held out.
    """

    seed: int
    mae: float | None
    mae_low: float | None
    mae_high: float | None
    baseline_mae: float
    held_out: int

    @property
    def error(self) -> float:
        """The MAE; infinite for a training that diverged, which is worse than any number."""
        return math.inf if self.mae is None else self.mae


class Quartiles(NamedTuple):
    q1: float
    median: float
    q3: float


def quartiles(numbers: list[float]) -> Quartiles:
    """The medians of the lower half, of all, and of the upper half of the numbers, at least one.

    If their count is odd, the middle one is in both halves. These are Tukey's hinges, which
    never interpolate between a number and infinity.
    """
    ordered, half = sorted(numbers), (len(numbers) + 1) // 2
    return Quartiles(median(ordered[:half]), median(ordered), median(ordered[-half:]))


def metrics(rows: list[Repeat]) -> dict[str, float]:
    """The finite ones of METRICS, by name; none if nothing was repeated."""
    if not rows:
        return {}
    found = quartiles([row.error for row in rows])
    numbers = found.median, found.q1, found.q3, median([row.baseline_mae for row in rows])
    return {name: n for name, n in zip(METRICS, numbers, strict=True) if n < math.inf}


def summary(rows: list[Repeat]) -> str:
    """The rows in one sentence."""
    if not rows:
        return "validate.repeats is 0: one training, which is not judged"
    numbers = dict.fromkeys(METRICS, math.inf) | metrics(rows)
    middle, q1, q3, baseline = (number(value, 4) for value in numbers.values())
    diverged = sum(row.mae is None for row in rows)
    return (
        f"validation_mae of {len(rows)} trainings: median {middle}, half of them from {q1} to {q3};"
        f" predicting the median of y: {baseline}" + f"; {diverged} diverged" * bool(diverged)
    )


class KeptRepeats:
    """The rows of finished trainings, in a file, which DVC ignores, next to the output.

    A killed validation resumes after the last of them. fingerprint: of all that decides a row.
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
    """The rows in the order of their seeds; UserError names the line that is wrong.

    A file written by `save` reads back as the same numbers. It has no row if nothing was repeated.
    """
    return parse(read(path, MAX_BYTES), path)


def parse(content: bytes, path: Path | str) -> list[Repeat]:
    """As `load`, from the content of the file."""
    return parse_csv(content, path, [[*Repeat._fields]], _row)


def _row(seed: str, baseline_mae: str, held_out: str, **errors: str) -> Repeat:
    diverged = not any(errors.values())
    mae, low, high = (None if diverged else float(cell) for cell in errors.values())
    row = Repeat(int(seed), mae, low, high, float(baseline_mae), int(held_out))
    if not row.held_out or not all(0 <= (n or 0) < math.inf for n in row):
        raise ValueError
    return row
