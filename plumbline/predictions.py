"""A table of predictions: the cells of the input table, new columns, and a summary to print."""

import csv
import io
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import compute, parquet

from plumbline.column import NULL, texts
from plumbline.core.command import number, printable
from plumbline.core.errors import UserError
from plumbline.core.tensors import Array, ModelInfo
from plumbline.table import SHOWN, Table

# Writes some rows: their cells, then a number for each new column; nan becomes an empty cell.
Writer = Callable[[pa.RecordBatch, list[Array]], object]

COMMA, LINE_END, NOTHING = texts(",", "\n", "").cast(pa.binary())


@contextmanager
def write_table(table: Table, path: Path, names: list[str]) -> Iterator[Writer]:
    """Yields a function that writes rows, with new columns, to `path` in the format of the table.

    A separate thread writes some rows while the caller computes the next ones.
    """
    if clash := [name for name in names if name in table.names]:
        raise UserError(f"{table.path}: wanted no column {clash[0]}, got one; rename it")
    kind = _write_parquet if table.above is None else _write_csv
    with kind(table, path, names) as write, ThreadPoolExecutor(1) as pool:
        last: Future[object] = pool.submit(bool)

        def begin(cells: pa.RecordBatch, numbers: list[Array]) -> None:
            nonlocal last
            last.result()
            last = pool.submit(write, cells, [_with_nulls(column) for column in numbers])

        yield begin
        last.result()


def _with_nulls(numbers: Array) -> pa.Array:
    """The numbers, with null for nan. Avoids `pa.array`, because that would import pandas."""
    content = pa.py_buffer(np.ascontiguousarray(numbers))
    found = pa.Array.from_buffers(pa.float32(), len(numbers), [None, content])
    return compute.if_else(compute.is_nan(found), NULL.cast(pa.float32()), found)


@contextmanager
def _write_parquet(table: Table, path: Path, names: list[str]) -> Iterator[Callable[..., object]]:
    own = parquet.read_schema(table.path)
    schema = pa.schema([*own, *((name, pa.float32()) for name in names)], own.metadata)
    # Floats rarely repeat; a dictionary of them would take three quarters of the writing time.
    repeated = [field.name for field in schema if not pa.types.is_floating(field.type)]
    with parquet.ParquetWriter(path, schema, use_dictionary=repeated) as writer:
        yield lambda cells, new: writer.write_batch(
            pa.record_batch([*cells.columns, *new], schema=schema)
        )


@contextmanager
def _write_csv(table: Table, path: Path, names: list[str]) -> Iterator[Callable[..., object]]:
    header = io.StringIO()
    # The csv module ends lines with \r\n, so it quotes a name that contains either character.
    csv.writer(header).writerow([*table.names, *names])
    with path.open("wb") as file:
        file.write(table.head + f"{header.getvalue()[:-2]}\n".encode())
        yield lambda cells, new: file.write(_lines(cells, new))


def _lines(cells: pa.RecordBatch, new: list[pa.Array]) -> pa.Buffer:
    """The rows as CSV; a number is the shortest text that reads back as the same float32."""
    columns = [_quoted(column.cast(pa.binary())) for column in cells.columns]
    columns += [column.cast(pa.string()).cast(pa.binary()) for column in new]
    ends = compute.binary_join_element_wise(columns[-1], LINE_END, NOTHING, null_handling="replace")
    rows = compute.binary_join_element_wise(*columns[:-1], ends, COMMA, null_handling="replace")
    return rows.buffers()[2]


def _quoted(cells: pa.Array) -> pa.Array:
    """The cells, in quotes if CSV needs them."""
    content = np.frombuffer(cells.buffers()[2] or b"", np.uint8)
    if not any((content == character).any() for character in b'",\n\r'):
        return cells  # the usual case, which is fast
    doubled = compute.replace_substring(cells, '"', '""')
    return compute.replace_substring_regex(doubled, r'(?s)^(.*[",\n\r].*)$', r'"\1"')


class OutOfRange:
    """Counts, by feature, the rows outside of the range of the training samples."""

    def __init__(self, info: ModelInfo) -> None:
        self.names, k = info.features, len(info.features)
        self.low, self.high = np.array(info.ranges, np.float32).T
        self.n, self.rows, self.counts = 0, 0, np.zeros(k, np.int64)
        self.lowest, self.highest = np.full(k, math.inf), np.full(k, -math.inf)

    def add(self, X: Array) -> None:
        """X: (n, features); nan does not count as outside."""
        self.n += len(X)
        outside = np.less(X, self.low) | np.greater(X, self.high)
        if outside.any():
            self.rows += int(outside.any(axis=1).sum())
            self.counts += outside.sum(axis=0)
            self.lowest = np.minimum(self.lowest, X.min(axis=0, initial=math.inf, where=outside))
            self.highest = np.maximum(self.highest, X.max(axis=0, initial=-math.inf, where=outside))

    def lines(self) -> Iterator[str]:
        """If rows are outside, a line with their number, and up to SHOWN lines on features."""
        found = np.flatnonzero(self.counts)
        if len(found):
            rows = f"{self.rows:,} of {self.n:,} rows"
            yield f"outside of the range that the model was trained on: {rows}"
        for i in found[:SHOWN]:
            low, high = number(self.lowest[i]), number(self.highest[i])
            cells = f"{low} to {high}" if low != high else low
            rows = f"{self.counts[i]:,} of {self.n:,} rows: {printable(self.names[i])} is {cells}"
            yield f"  {rows}, trained on {number(self.low[i])} to {number(self.high[i])}"
        if len(found) > SHOWN:
            yield f"  and {len(found) - SHOWN:,} more features"


class Errors:
    """The mean absolute errors of the model and of always predicting the training median."""

    def __init__(self, info: ModelInfo) -> None:
        self.target, self.median = info.target, info.median
        self.n, self.missing, self.model, self.baseline = 0, 0, 0.0, 0.0

    def add(self, predicted: Array, true: Array) -> Array:
        """Counts these errors; returns predicted - true, or nan if either is nan. Arrays: (n,)."""
        residual = predicted.astype(np.float64) - true
        finite = np.isfinite(residual)
        self.n += int(finite.sum())
        self.missing += int(np.isnan(true).sum())
        self.model += float(np.abs(residual[finite]).sum())
        self.baseline += float(np.abs(true[finite] - self.median).sum(dtype=np.float64))
        return residual.astype(np.float32)

    def lines(self) -> Iterator[str]:
        """The number of rows without a true value, and both errors over rows with a residual."""
        if self.missing:
            yield f"rows without {printable(self.target)}, so without a residual: {self.missing:,}"
        if self.n:
            yield f"mae: {self.model / self.n:.6g} in {self.n:,} rows"
            constant = self.baseline / self.n
            always = f"always predicting {number(self.median)}, the training median"
            yield f"mae of {always}: {constant:.6g}"
