"""A table on disk, CSV or Parquet, as numbers; an error names the column and the row."""

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from plumbline.core.errors import UserError
from plumbline.core.params import MAX
from plumbline.core.tensors import Array

HEADER = 1_000_000  # characters of the longest header
BLOCK = 2**22  # bytes of CSV that are read at a time
ROWS = 2**18  # rows of Parquet that are read at a time


def read_header(table: Path) -> list[str]:
    """The names of the columns; UserError if they are not separated by commas, or not unique."""
    if not table.is_file():
        raise UserError(f"{table}: wanted a table, got {'a folder' if table.is_dir() else 'none'}")
    with _errors_of(table, []):
        if _is_parquet(table):
            names: list[str] = parquet.read_schema(table).names
        else:
            with table.open(encoding="utf-8-sig", newline="") as file:
                names = next(csv.reader([file.readline(HEADER)]), [])
    if not any(names):
        raise UserError(f"{table}: wanted a CSV or Parquet table, got no names of columns")
    if len(names) == 1 and (found := re.search("[;\t]", names[0])):
        separators = "semicolons" if found[0] == ";" else "tabs"
        raise UserError(f"{table}: wanted commas between the columns, got {separators}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{table}: wanted each column once, got {', '.join(twice)} twice")
    return names


def read_rows(table: Path, names: list[str], columns: list[str]) -> Iterator[Array]:
    """The columns as arrays (rows, columns), some rows at a time; a missing value is nan.

    names: the header of the table. UserError for a text, or a number that float32 cannot hold.
    """
    n = 0
    with _errors_of(table, names):
        for batch in _read_batches(table, columns):
            yield _to_float32(table, batch, n + 1)
            n += batch.num_rows


def _is_parquet(table: Path) -> bool:
    with table.open("rb") as file:
        return file.read(4) == b"PAR1"


def _read_batches(table: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The columns as float64, some rows at a time."""
    if not _is_parquet(table):
        yield from arrow_csv.open_csv(
            table,
            # A single thread counts the rows, and so knows the place of a bad value.
            arrow_csv.ReadOptions(use_threads=False, block_size=BLOCK),
            arrow_csv.ParseOptions(newlines_in_values=True),
            arrow_csv.ConvertOptions(
                include_columns=columns, column_types=dict.fromkeys(columns, pa.float64())
            ),
        )
        return
    file = parquet.ParquetFile(table, pre_buffer=False)
    for name in columns:
        kind = file.schema_arrow.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise UserError(f"{table}: column {name}: wanted numbers, got {kind}")
    schema = pa.schema([(name, pa.float64()) for name in columns])
    for batch in file.iter_batches(batch_size=ROWS, columns=columns):
        yield batch.select(columns).cast(schema, safe=False)


def _to_float32(table: Path, batch: pa.RecordBatch, first: int) -> Array:
    """The batch as an array (rows, columns); `first` is the number of its first row."""
    numbers: NDArray[np.float64] = np.column_stack([c.to_numpy(False) for c in batch.columns])
    missing = np.column_stack([c.is_null().to_numpy(False) for c in batch.columns])
    for row, column in np.argwhere(~(np.abs(numbers) <= MAX) & ~missing)[:1]:
        raise UserError(
            f"{table}: column {batch.schema.names[column]}, row {first + row} below the header: "
            f"wanted a finite float32, got {numbers[row, column]}"
        )
    return numbers.astype(np.float32)


@contextmanager
def _errors_of(table: Path, names: list[str]) -> Iterator[None]:
    """Raises UserError for an error of the libraries that read tables."""
    try:
        yield
    except UnicodeDecodeError:
        raise UserError(f"{table}: wanted a CSV table in UTF-8, or a Parquet table") from None
    except (pa.ArrowException, csv.Error) as error:
        raise UserError(f"{table}: {_explain(str(error), names)}") from None


def _explain(error: str, names: list[str]) -> str:
    """An error of pyarrow, with the name of the column; rows are counted without the header."""
    bad = re.match(r"In CSV column #(\d+): Row #(\d+): .* invalid value '(.*)'", error, re.DOTALL)
    if bad:
        column, row, value = bad.groups()
        place = f"column {names[int(column)]}, row {int(row) - 1} below the header"
        return f"{place}: wanted a number, got {value!r}; or list other columns in load.features"
    short = re.match(r"CSV parse error: Row #(\d+): Expected (\d+) columns, got (\d+)", error)
    if short:
        row, wanted, got = short.groups()
        return f"row {int(row) - 1} below the header: wanted {wanted} columns, got {got}"
    return f"wanted a CSV or Parquet table, got: {error}"
