"""A table on disk, CSV or Parquet: its header, and its rows as cells and as numbers."""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import count, islice
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from plumbline.column import HELP, Column
from plumbline.core.errors import UserError
from plumbline.core.tensors import Array

START = 1_000_000  # bytes read from the start of a file; they must include the column names
BLOCK = 2**22  # bytes of CSV that are read at a time
ROWS_AT_ONCE = 2**18  # rows of Parquet that are read at a time
SHOWN = 20  # at most this many names in a message
BOM = b"\xef\xbb\xbf"  # some programs write it at the start of a UTF-8 file

# Other formats: their first bytes, what a message calls them, and how pandas reads them.
UTF_16 = ("UTF-16", "csv({!r}, encoding='utf-16', sep=None, engine='python')")
EXCEL, FEATHER = ("an Excel file", "excel({!r})"), ("a Feather file", "feather({!r})")
OTHERS = {
    b"\x1f\x8b": ("a gzip file", "csv({!r}, compression='gzip')"),
    **dict.fromkeys((b"PK\x03\x04", b"\xd0\xcf\x11\xe0"), EXCEL),
    **dict.fromkeys((b"ARROW1", b"FEA1"), FEATHER),
    **dict.fromkeys((b"\xff\xfe", b"\xfe\xff"), UTF_16),
}

# Names that pandas gives to an index or an unnamed column when it writes or reads a table.
INDEX = re.compile(r"|Unnamed: \d+(\.\d+)*(_level_\d+)?|__index_level_\d+__")


@dataclass(frozen=True)
class Table:
    """The path of a table, and the names of its columns in order."""

    path: Path
    names: list[str]
    above: int | None = None  # the number of lines above the names in CSV; None for Parquet
    head: bytes = b""  # the bytes before the names in CSV: a BOM, and the lines above
    index: tuple[str, ...] = ()  # the columns that Parquet records as a data frame's index

    def check_name(self, name: str, where: str = "", why: str = "") -> None:
        """UserError unless exactly one column has the name.

        where: a prefix of the message; why: a clause that follows the name in the message.
        """
        if (found := self.names.count(name)) == 1:
            return
        folded = {str(known).casefold(): known for known in self.names}
        nearest = get_close_matches(name.casefold(), folded, n=1)
        cures = [f"the most similar is {quote(folded[known])}" for known in nearest]
        cure = "wanted one" if found else (*cures, f"it has {quote(*self.names)}")[0]
        has = f"{found} columns" if found else "no column"
        raise UserError(f"{where}{self.path} has {has} {quote(name)}{why}; {cure}")


def quote(*names: str) -> str:
    """The names in quotes, for YAML; of more than 20, the first 20 and the total."""
    shown = ", ".join(json.dumps(name, ensure_ascii=False) for name in names[:SHOWN])
    return shown + f", ... ({len(names)})" * (len(names) > SHOWN)


def open_table(path: Path) -> Table:
    """The table at `path`; else UserError says what it found and, if it can, how to convert it."""
    if not path.is_file():
        found = "wanted a table, got a folder" if path.is_dir() else "no such file"
        if path.is_symlink() and not path.exists():
            found = f"wanted a table, got a link to {path.readlink()}, which does not exist"
        if Path(f"{path}.dvc").is_file():
            found += f"; `dvc pull {path}` fetches it"
        raise UserError(f"{path}: {found}")
    with path.open("rb") as file:
        start = file.read(START)
    with _errors_of(path):
        table = _open_parquet(path) if start.startswith(b"PAR1") else _open_csv(path, start)
    if not any(table.names):
        raise UserError(f"{path}: wanted a CSV or Parquet table, got no column names")
    skip = f", skiprows={table.above}" * bool(table.above)
    if len(table.names) == 1 and ";" in table.names[0]:
        _refuse(path, "semicolons between the columns", f"csv({{!r}}, sep=';', decimal=','{skip})")
    if len(table.names) == 1 and "\t" in table.names[0]:
        _refuse(path, "tabs between the columns", f"csv({{!r}}, sep='\\t'{skip})")
    return table


def read_rows(
    table: Table, columns: Mapping[str, tuple[float, float] | None], whole: bool = False
) -> Iterator[tuple[pa.RecordBatch, Array]]:
    """Yields batches of rows: the cells, and an array (rows, columns) of numbers; a gap is nan.

    columns: each name with its range in a model's training samples, or None. whole: yields the
    cells of all columns, not only of these. UserError for a cell that is not a finite float32;
    after the last row, also for a column whose numbers float32 rounds too far.
    """
    places = [table.names.index(name) for name in columns]
    read = _read_parquet if table.above is None else _read_csv
    converters = [Column(f"{table.path}: column {n}", trained) for n, trained in columns.items()]
    first = 1
    with _errors_of(table.path):
        for cells in read(table, places, whole):
            numbers = np.empty((cells.num_rows, len(columns)), np.float32)
            for i, converter in enumerate(converters):
                converter.convert(cells.column(places[i] if whole else i), first, numbers[:, i])
            first += cells.num_rows
            yield cells, numbers
    for converter in converters:
        converter.check_precision()


def find_index(table: Table) -> list[str]:
    """The columns that pandas names, or records in Parquet, as the index of a data frame.

    A column `index`, or `level_1` without `level_0`, may be data. It counts as an index only if its
    n rows hold 0 to n - 1, in any order.
    """
    index = [name for name in table.names if name in table.index or INDEX.fullmatch(name)]
    others = [name for name in table.names if name not in index]
    n = next(i for i in count() if others[i : i + 1] != [f"level_{i}"])
    return index + others[:n] + [name for name in others[n:] if _holds_row_numbers(table, name)]


def _holds_row_numbers(table: Table, name: str) -> bool:
    if re.fullmatch(r"index|level_\d+", name) and table.names.count(name) == 1:
        with suppress(UserError):
            parts = [numbers[:, 0] for _, numbers in read_rows(table, {name: None})]
            column = np.concatenate([np.empty(0), *parts])
            return np.array_equal(np.sort(column), np.arange(len(column)))
    return False


def _open_parquet(path: Path) -> Table:
    schema, index = parquet.read_schema(path), list[str]()
    with suppress(KeyError, TypeError, ValueError, RecursionError):  # not written by pandas
        recorded = [*json.loads(schema.metadata[b"pandas"])["index_columns"]]
        # pandas also records an index 0, 1, 2, ..., which is not a column.
        index = [name for name in schema.names if name in recorded]
    return Table(path, schema.names, index=tuple(index))


def _read_parquet(table: Table, places: list[int], whole: bool) -> Iterator[pa.RecordBatch]:
    """The cells; UserError if a column at one of these places does not hold numbers."""
    file = parquet.ParquetFile(table.path, pre_buffer=False)
    names = [table.names[place] for place in places]
    for name in names:
        kind = file.schema_arrow.field(name).type
        if not re.match("u?int|float|double|halffloat|bool|decimal", str(kind)):
            raise UserError(f"{table.path}: column {name}: wanted numbers, got {kind}; {HELP}")
    yield from file.iter_batches(batch_size=ROWS_AT_ONCE, columns=None if whole else names)


def _open_csv(path: Path, start: bytes) -> Table:
    for magic, (got, reader) in OTHERS.items():
        if start.startswith(magic):
            zipped = ("a zip file", "csv({!r}, compression='zip')")
            _refuse(path, *(zipped if path.suffix == ".zip" else (got, reader)))
    if b"\0" in start:
        raise UserError(f"{path}: wanted a CSV or Parquet table, got a binary file")
    lines = start.removeprefix(BOM).splitlines(keepends=True)
    above = _count_lines_above(lines)
    head = BOM * start.startswith(BOM) + b"".join(lines[:above])
    # Every byte decodes as Latin-1, so only the names have to be UTF-8.
    names = next(csv.reader(line.decode("latin-1") for line in lines[above:]), [])
    try:
        return Table(path, [name.encode("latin-1").decode() for name in names], above, head)
    except UnicodeDecodeError:
        _refuse(path, "text in an encoding such as Latin-1", "csv({!r}, encoding='latin-1')")


def _refuse(path: Path, got: str, reader: str) -> NoReturn:
    """Raises UserError with a command that converts the file to CSV."""
    stem = path.name.removesuffix(path.suffix).removesuffix(".csv")
    stem += "-converted" if path.name == f"{stem}.csv" else ""
    source, target = str(path), str(path.with_name(f"{stem}.csv"))
    code = f"import pandas; pandas.read_{reader.format(source)}.to_csv({target!r}, index=False)"
    raise UserError(f'{path}: wanted CSV or Parquet, got {got}; convert it: python -c "{code}"')


def _count_lines_above(lines: list[bytes]) -> int:
    """The number of lines above the names: empty lines, comments, and Excel's `sep=,`."""
    above = 0
    while above < len(lines) and re.match(rb"[\s,]*$|#|sep=.\s*$", lines[above]):
        above += 1
    # numpy writes the names as a comment, directly above the numbers.
    if 0 < above < len(lines) and lines[above - 1].startswith(b"#"):
        above -= bool(re.fullmatch(rb"([-+\d.eE,\s]|nan|inf)+", lines[above]))
    return above


def _read_csv(table: Table, places: list[int], whole: bool) -> Iterator[pa.RecordBatch]:
    """The cells as texts; UserError for a row with too many or too few cells."""
    try:
        yield from arrow_csv.open_csv(
            table.path,
            # Use no threads, and pass no Python object, such as a handler of bad rows: if a thread
            # of Arrow frees a Python object while the process ends, the process aborts.
            arrow_csv.ReadOptions(
                use_threads=False,
                block_size=BLOCK,
                autogenerate_column_names=True,  # f0, f1, ...
                skip_rows=table.above,
                skip_rows_after_names=1,
            ),
            arrow_csv.ParseOptions(newlines_in_values=True),
            arrow_csv.ConvertOptions(
                include_columns=[] if whole else [f"f{place}" for place in places],
                default_column_type=pa.string(),
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid:
        row, wanted = 0, len(table.names)
        with table.path.open(encoding="latin-1", newline="") as file:
            rows = filter(None, csv.reader(islice(file, table.above, None)))
            for row, cells in enumerate(islice(rows, 1, None), start=1):
                if len(cells) != wanted:
                    raise UserError(
                        f"{table.path}: row {row} below the header: "
                        f"wanted {wanted} columns, got {len(cells)}"
                    ) from None
        if row:  # Arrow also raises an error for a table without rows
            raise


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    """Turns an error of the libraries that read tables into a UserError."""
    try:
        yield
    except (pa.ArrowException, csv.Error, OSError) as error:
        raise UserError(f"{path}: wanted a CSV or Parquet table, got: {error}") from None
