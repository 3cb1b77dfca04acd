"""Load samples from a table of your own, CSV or Parquet, in place of the stage generate.

Usage: python -m stages.load TABLE SAMPLES
"""

import csv
import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from plumbline.core import tensors
from plumbline.core.command import run
from plumbline.core.errors import UserError
from plumbline.core.files import Input, Output
from plumbline.core.metadata import SamplesInfo
from plumbline.core.params import MAX
from plumbline.core.tensors import Array

HEADER = 1_000_000  # characters of the longest header
BLOCK = 2**24  # bytes of CSV that are read at a time
ROWS = 2**18  # rows of Parquet that are read at a time


class Load(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    target: str
    features: list[str] | None


class Params(msgspec.Struct, frozen=True):
    load: Load


def is_parquet(table: Path) -> bool:
    with table.open("rb") as file:
        return file.read(4) == b"PAR1"


def read_header(table: Path) -> list[str]:
    """The names of the columns; UserError if they are not separated by commas, or not unique."""
    if is_parquet(table):
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


def choose_features(table: Path, names: list[str], params: Load) -> list[str]:
    """The names of the features, in their order; UserError if the table or the choice is wrong."""
    features = params.features
    if features is None:
        features = [name for name in names if name != params.target]
    for key, name in [("target", params.target), *(("features", name) for name in features)]:
        if name not in names:
            near = "".join(f"; the nearest is {n!r}" for n in get_close_matches(name, names, n=1))
            known = ", ".join(map(repr, names[:20])) + ", ..." * (len(names) > 20)
            raise UserError(
                f"params.yaml: load.{key}: wanted a column of {table} ({known}), got {name!r}{near}"
            )
    if not features or len({*features, params.target}) <= len(features):
        raise UserError(
            f"params.yaml: load.features: wanted other columns than {params.target}, each once, "
            f"got {features}"
        )
    return features


def read_batches(table: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The columns as float64, some rows at a time."""
    if not is_parquet(table):
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
    file = parquet.ParquetFile(table)
    for name in columns:
        kind = file.schema_arrow.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise UserError(f"{table}: column {name}: wanted numbers, got {kind}")
    schema = pa.schema([(name, pa.float64()) for name in columns])
    for batch in file.iter_batches(batch_size=ROWS, columns=columns):
        yield batch.select(columns).cast(schema, safe=False)


def to_float32(table: Path, batch: pa.RecordBatch, first: int) -> Array:
    """The batch as an array (rows, columns); a missing value is nan.

    first: the number of its first row. UserError for a number that float32 cannot hold.
    """
    numbers: NDArray[np.float64] = np.column_stack([c.to_numpy(False) for c in batch.columns])
    missing = np.column_stack([c.is_null().to_numpy(False) for c in batch.columns])
    for row, column in np.argwhere(~(np.abs(numbers) <= MAX) & ~missing)[:1]:
        raise UserError(
            f"{table}: column {batch.schema.names[column]}, row {first + row} below the header: "
            f"wanted a finite float32, got {numbers[row, column]}"
        )
    return numbers.astype(np.float32)


def load(table: Path, params: Load) -> tuple[Array, Array, SamplesInfo]:
    """X (n, k) and y (n, 1), in the order of the table; UserError names the place of an error."""
    if not table.is_file():
        raise UserError(f"{table}: wanted a table, got {'a folder' if table.is_dir() else 'none'}")
    names, n, parts = [], 0, []
    try:
        names = read_header(table)
        features = choose_features(table, names, params)
        for batch in read_batches(table, [*features, params.target]):
            parts.append(to_float32(table, batch, n + 1))
            n += batch.num_rows
    except UnicodeDecodeError:
        raise UserError(f"{table}: wanted a CSV table in UTF-8, or a Parquet table") from None
    except (pa.ArrowException, csv.Error) as error:
        raise UserError(f"{table}: {explain(str(error), names)}") from None
    if not n:
        raise UserError(f"{table}: wanted rows below the names of the columns, got none")
    numbers = np.concatenate(parts)
    for name, gaps in zip([*features, params.target], np.isnan(numbers).T, strict=True):
        if gaps.any():
            raise UserError(
                f"{table}: column {name}, row {np.argmax(gaps) + 1} below the header: wanted a "
                f"number, got an empty cell, NA or nan; {np.count_nonzero(gaps):,} of {n:,} are so"
            )
    info = SamplesInfo(features=features, target=params.target, line=None)
    return numbers[:, :-1], numbers[:, -1:], info


def explain(error: str, names: list[str]) -> str:
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


def main(params: Params, table_path: Input, samples_path: Output) -> None:
    tensors.save_samples(samples_path, *load(table_path, params.load))


if __name__ == "__main__":
    run(main, Params)
