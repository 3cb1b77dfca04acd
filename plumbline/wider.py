"""A table with more columns: its cells as they are, and new ones of numbers."""

import csv
import io
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import reduce
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import compute, parquet
from pyarrow import csv as arrow_csv

from plumbline.column import Column
from plumbline.core.errors import UserError
from plumbline.core.tensors import Array
from plumbline.table import HEADER, Header, read_cells

# Writes the cells of some rows with a number of each new column behind them; nan is an empty cell.
Writer = Callable[[pa.RecordBatch, list[Array]], object]

GAPS = pa.array(arrow_csv.ConvertOptions().null_values)
SPECIAL = '",\n\r'  # a cell with one of these is put in quotes


def read_with_numbers(
    header: Header, columns: dict[str, float]
) -> Iterator[tuple[pa.RecordBatch, Array]]:
    """All cells, and the columns as numbers (rows, columns), some rows at a time; nan for a gap.

    columns: how far float32 may move a number, by name. UserError for a cell that is no number.
    """
    converters = [Column(f"{header.table}: column {n}", limit) for n, limit in columns.items()]
    places = [header.names.index(name) for name in columns]
    first = 1
    for batch in read_cells(header, list(columns)):
        numbers = np.empty((batch.num_rows, len(columns)), np.float32)
        for converter, place, out in zip(converters, places, numbers.T, strict=True):
            converter.convert(_with_gaps(batch.column(place)), first, out)
        first += batch.num_rows
        yield batch, numbers


@contextmanager
def write_wider(header: Header, path: Path, names: list[str]) -> Iterator[Writer]:
    """Writes a table of the kind of the header's, with new columns of these names."""
    if clash := [name for name in names if name in header.names]:
        raise UserError(f"{header.table}: wanted no column {clash[0]}, got one; rename it")
    kind = _write_parquet if header.above is None else _write_csv
    with kind(header, path, names) as write, _in_background(write) as writer:
        yield writer


@contextmanager
def _in_background(write: Writer) -> Iterator[Writer]:
    """Calls `write` in a thread of its own, one call at a time, while the caller goes on."""
    with ThreadPoolExecutor(1) as pool:
        last: Future[object] = pool.submit(bool)

        def begin(cells: pa.RecordBatch, numbers: list[Array]) -> None:
            nonlocal last
            last.result()
            last = pool.submit(write, cells, numbers)

        yield begin
        last.result()


def _with_gaps(cells: pa.Array) -> pa.Array:
    """The cells with null for nan, and for a text that `load` takes for a gap."""
    if pa.types.is_string(cells.type):
        gaps = compute.is_in(cells, GAPS)
    elif pa.types.is_floating(cells.type):
        gaps = compute.is_nan(cells).fill_null(False)
    else:
        return cells
    return compute.if_else(gaps, None, cells) if gaps.true_count else cells


@contextmanager
def _write_parquet(header: Header, path: Path, names: list[str]) -> Iterator[Writer]:
    own = parquet.read_schema(header.table)
    schema = pa.schema([*own, *((name, pa.float32()) for name in names)], own.metadata)
    # A dictionary of numbers that hardly repeat takes three quarters of the time.
    repeated = [field.name for field in schema if not pa.types.is_floating(field.type)]
    with parquet.ParquetWriter(path, schema, use_dictionary=repeated) as writer:

        def write(cells: pa.RecordBatch, numbers: list[Array]) -> None:
            new = [pa.array(column, mask=np.isnan(column)) for column in numbers]
            writer.write_batch(pa.record_batch([*cells.columns, *new], schema=schema))

        yield write


def _head(header: Header, names: list[str]) -> bytes:
    """The lines above the names as they are, and the line of all names."""
    with header.table.open("rb") as file:
        start = file.read(HEADER)
    line = io.StringIO()
    csv.writer(line).writerow([*header.names, *names])  # ends in \r\n, and so quotes both
    above = start.splitlines(keepends=True)[: header.above]
    # Without the mark, Excel would read other letters.
    mark = b"\xef\xbb\xbf" if start.startswith(b"\xef\xbb\xbf") and not above else b""
    return mark + b"".join(above) + f"{line.getvalue()[:-2]}\n".encode()


@contextmanager
def _write_csv(header: Header, path: Path, names: list[str]) -> Iterator[Writer]:
    with path.open("wb") as file:
        file.write(_head(header, names))
        yield lambda cells, numbers: file.write(_lines(cells, numbers))


def _lines(cells: pa.RecordBatch, numbers: list[Array]) -> pa.Buffer:
    new = [pa.array(column, mask=np.isnan(column)).cast(pa.string()) for column in numbers]
    # The shortest text that is read as the same float32.
    texts = [column.fill_null("").cast(pa.binary()) for column in new]
    texts[-1] = compute.binary_join_element_wise(texts[-1], b"\n", b"")
    quoted = [_quote(column.cast(pa.binary())) for column in cells.columns]
    rows = compute.binary_join_element_wise(*quoted, *texts, b",")
    return rows.buffers()[2]


def _quote(cells: pa.Array) -> pa.Array:
    content = np.frombuffer(cells.buffers()[2] or b"", np.uint8)
    if not any((content == ord(character)).any() for character in SPECIAL):
        return cells
    special = reduce(compute.or_, [compute.match_substring(cells, c) for c in SPECIAL])
    doubled = compute.replace_substring(cells, '"', '""')
    quoted = compute.binary_join_element_wise(b'"', doubled, b'"', b"")
    return compute.if_else(special, quoted, cells)
