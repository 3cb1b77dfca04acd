"""A table on disk, CSV or Parquet, as numbers; an error names the column and the row."""

import atexit
import json
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from plumbline.column import HELP, Column
from plumbline.core.errors import UserError
from plumbline.core.tensors import Array

HEADER = 1_000_000  # bytes of the longest header, with the lines above it
BLOCK = 2**22  # bytes of CSV that are read at a time
ROWS = 2**18  # rows of Parquet that are read at a time
SHOWN = 20  # names in a message

# How other files begin, what they are, and how pandas reads them.
UTF_16 = ("UTF-16", "csv({!r}, encoding='utf-16', sep=None, engine='python')")
EXCEL, FEATHER = ("an Excel file", "excel({!r})"), ("a Feather file", "feather({!r})")
OTHERS = {
    b"\x1f\x8b": ("a gzip file", "csv({!r}, compression='gzip')"),
    **dict.fromkeys((b"PK\x03\x04", b"\xd0\xcf\x11\xe0"), EXCEL),
    **dict.fromkeys((b"ARROW1", b"FEA1"), FEATHER),
    **dict.fromkeys((b"\xff\xfe", b"\xfe\xff"), UTF_16),
}


@dataclass(frozen=True)
class Header:
    """The names of a table's columns, in the order of the table."""

    table: Path
    names: list[str]
    index: list[str]  # of a data frame, as Parquet notes it
    above: int | None  # lines above the names in CSV; None for Parquet

    def check_name(self, name: str, where: str) -> None:
        """UserError if not exactly one column has the name; `where` is the place that names it."""
        if (count := self.names.count(name)) == 1:
            return
        folded = {known.casefold(): known for known in self.names}
        nearest = get_close_matches(name.casefold(), folded, n=1)
        near = [f"; the nearest is {quote(folded[known])}" for known in nearest]
        got = f"got {quote(name)}{f', which {count} columns have' if count else ''.join(near)}"
        raise UserError(f"{where}: wanted a column of {self.table} ({quote(*self.names)}), {got}")


def quote(*names: str) -> str:
    """The names as YAML reads them; of many, the first."""
    shown = ", ".join(json.dumps(name, ensure_ascii=False) for name in names[:SHOWN])
    return shown + f", ... ({len(names)})" * (len(names) > SHOWN)


def read_header(table: Path) -> Header:
    """The header of a table; UserError names what came in its place, and how to convert it."""
    if not table.is_file():
        got = "a folder" if table.is_dir() else "none"
        if table.is_symlink() and not table.exists():
            got = f"a link to {table.readlink()}, which is not there"
        if Path(f"{table}.dvc").is_file():
            got += f"; `dvc pull {table}` fetches it"
        raise UserError(f"{table}: wanted a table, got {got}")
    with table.open("rb") as file:
        start = file.read(HEADER)
    above, index = None, []
    with _errors_of(table):
        if start.startswith(b"PAR1"):
            schema = parquet.read_schema(table)
            names, index = schema.names, _noted_index(schema)
        else:
            _refuse_others(table, start)
            above = _count_lines_above(start)
            names = _read_names(table, start, above)
    if not any(names):
        raise UserError(f"{table}: wanted a CSV or Parquet table, got no names of columns")
    if len(names) == 1 and ";" in names[0]:
        _refuse(table, "semicolons between the columns", "csv({!r}, sep=';', decimal=',')")
    if len(names) == 1 and "\t" in names[0]:
        _refuse(table, "tabs between the columns", "csv({!r}, sep='\\t')")
    return Header(table, names, index, above)


def read_rows(header: Header, columns: list[str]) -> Iterator[Array]:
    """The columns as arrays (rows, columns), some rows at a time; an empty cell is nan.

    UserError for a cell that is no number, or none of float32; after the last row for a column
    whose numbers float32 does not tell apart.
    """
    converters = [Column(f"{header.table}: column {name}") for name in columns]
    n = 0
    with _errors_of(header.table):
        for batch in _read_batches(header, columns):
            rows = np.empty((batch.num_rows, len(columns)), np.float32)
            for converter, cells, out in zip(converters, batch.columns, rows.T, strict=True):
                converter.convert(cells, n + 1, out)
            n += len(rows)
            yield rows
    for converter in converters:
        converter.check_precision()


def read_cells(header: Header, numeric: list[str]) -> Iterator[pa.RecordBatch]:
    """All columns, some rows at a time; from CSV, each cell is its text, also an empty one.

    numeric: columns that Parquet has to hold as numbers, else UserError.
    """
    with _errors_of(header.table):
        yield from _read_batches(header, numeric, whole=True)


def _noted_index(schema: pa.Schema) -> list[str]:
    """The columns that pandas notes as the index; an index 0, 1, 2, ... is no column."""
    with suppress(KeyError, TypeError, ValueError, RecursionError):  # not written by pandas
        noted = json.loads(schema.metadata[b"pandas"])["index_columns"]
        return [name for name in schema.names if name in noted]
    return []


def _refuse(table: Path, got: str, reader: str) -> NoReturn:
    """UserError with the command that makes a CSV table of the file."""
    stem = table.name.removesuffix(table.suffix).removesuffix(".csv")
    stem += "-converted" if table.name == f"{stem}.csv" else ""
    source, csv = str(table), str(table.with_name(f"{stem}.csv"))
    code = f"import pandas; pandas.read_{reader.format(source)}.to_csv({csv!r}, index=False)"
    raise UserError(f'{table}: wanted CSV or Parquet, got {got}; convert it: python -c "{code}"')


def _refuse_others(table: Path, start: bytes) -> None:
    for magic, (got, reader) in OTHERS.items():
        if start.startswith(magic):
            if table.suffix == ".zip":
                got, reader = "a zip file", "csv({!r}, compression='zip')"
            _refuse(table, got, reader)
    if b"\0" in start:
        raise UserError(f"{table}: wanted a CSV or Parquet table, got a binary file")


def _count_lines_above(start: bytes) -> int:
    """The number of lines above the names: empty ones, comments, and Excel's `sep=,`."""
    lines = start.removeprefix(b"\xef\xbb\xbf").splitlines()
    above = 0
    while above < len(lines) and re.match(rb"[\s,]*$|#|sep=.$", lines[above]):
        above += 1
    # A comment just above the numbers has the names: numpy writes them so.
    if 0 < above < len(lines) and lines[above - 1].startswith(b"#"):
        above -= bool(re.fullmatch(rb"[-+\d.eE,\s]+", lines[above]))
    return above


@cache
def _wait_at_exit() -> None:
    """Arrow still works for a moment after its last result; a process that ends then aborts."""
    atexit.register(Event().wait, 0.1)


def _open_csv(
    table: Path, above: int, columns: list[str], handler: Any = None, gaps: bool = False
) -> Any:
    """The rows as texts, in blocks; `handler` gets a row with too many or too few cells.

    gaps: an empty cell, NA and nan are null.
    """
    _wait_at_exit()
    source = table
    if not columns or table.stat().st_size <= HEADER:
        with table.open("rb") as file:  # The rest of a large table would be read ahead.
            source = pa.BufferReader(file.read(HEADER) + b"\n")  # A header alone may lack it.
    # The handler takes only UTF-8, and any byte is Latin-1. One thread counts the rows.
    reading = arrow_csv.ReadOptions(
        use_threads=False,
        block_size=BLOCK,
        encoding="latin1" if handler else "utf8",
        autogenerate_column_names=True,  # f0, f1, ...
        skip_rows=above,
        skip_rows_after_names=bool(columns),  # the header
    )
    return arrow_csv.open_csv(
        source,
        reading,
        arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=handler),
        arrow_csv.ConvertOptions(
            include_columns=columns,
            default_column_type=pa.string(),
            check_utf8=False,
            strings_can_be_null=gaps,
        ),
    )


def _read_names(table: Path, start: bytes, above: int) -> list[str]:
    """The names of the columns, read by the parser that reads the rows."""
    if above == len(start.splitlines()):
        return []
    first = _open_csv(table, above, [], lambda _: "skip").read_next_batch()
    try:
        names = [column[0].as_py().encode("latin1").decode() for column in first.columns]
    except UnicodeDecodeError:
        _refuse(table, "another encoding, such as Latin-1", "csv({!r}, encoding='latin-1')")
    return [names[0].removeprefix("\ufeff"), *names[1:]]


def _read_batches(
    header: Header, columns: list[str], whole: bool = False
) -> Iterator[pa.RecordBatch]:
    """The columns, some rows at a time: texts from CSV, numbers from Parquet.

    whole: all columns, with no text taken for null.
    """
    table, places = header.table, {name: f"f{i}" for i, name in enumerate(header.names)}
    all_of_them = [f"f{i}" for i in range(len(header.names))]
    positions = all_of_them if whole else [places[name] for name in columns]
    if header.above is None:
        file = parquet.ParquetFile(table, pre_buffer=False)
        for name in columns:
            kind = file.schema_arrow.field(name).type
            if not re.match("u?int|float|double|halffloat|bool|decimal", str(kind)):
                raise UserError(f"{table}: column {name}: wanted numbers, got {kind}; {HELP}")
        for batch in file.iter_batches(batch_size=ROWS, columns=None if whole else columns):
            yield batch if whole else batch.select(columns)
        return
    bad: list[Any] = []

    def note(row: Any) -> str:
        bad.append(row)
        return "error"

    try:
        yield from _open_csv(table, header.above, positions, gaps=not whole)
    except pa.ArrowInvalid:
        with suppress(pa.ArrowInvalid):
            deque(_open_csv(table, header.above, positions, note), 0)
        for row in bad:
            raise UserError(
                f"{table}: row {row.number - header.above - 1} below the header: "
                f"wanted {row.expected_columns} columns, got {row.actual_columns}"
            ) from None
        raise


@contextmanager
def _errors_of(table: Path) -> Iterator[None]:
    """Raises UserError for an error of the library that reads tables."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{table}: wanted a CSV or Parquet table, got: {error}") from None
