"""Load samples from your own table, CSV or Parquet; this replaces the stage generate.

Usage: python -m stages.load TABLE SAMPLES
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from plumbline.column import HELP
from plumbline.core import tensors
from plumbline.core.command import printable, run
from plumbline.core.errors import UserError
from plumbline.core.files import Input, Output
from plumbline.core.tensors import Array, SamplesInfo
from plumbline.table import Table, find_index, open_table, quote, read_rows

Name = Any  # YAML reads 2024 as a number and true as a boolean; `check_name` refuses both


class Load(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    target: Name
    features: list[Name] | None


class Params(msgspec.Struct, frozen=True):
    load: Load


def check_name(value: Name, key: str) -> str:
    if isinstance(value, str):
        return value
    got = json.dumps(value)
    cure = (
        ""
        if isinstance(value, list | dict)
        else f'; if {got} is its name, put it in quotes: "{got}"'
    )
    raise UserError(f"params.yaml: load.{key}: wanted the name of a column, got {got}{cure}")


def choose_columns(table: Table, params: Load) -> tuple[list[str], str]:
    """Names of the features, in order, and of the target; prints them. UserError if one is wrong.

    If `features` is null, the features are all columns except the target and an index.
    """
    target, index = check_name(params.target, "target"), []
    if params.features is None:
        index = [name for name in find_index(table) if name != target]
        features = [name for name in table.names if name not in (target, *index)]
    else:
        features = [check_name(name, "features") for name in params.features]
    for key, name in [("target", target), *(("features", name) for name in features)]:
        table.check_name(name, where=f"params.yaml: load.{key}: ")
    left_out = ""
    if index:
        left_out = f"; left out: {quote(*index)} (an index or unnamed; to use it, list it)"
    if not features or len({*features, target}) <= len(features):
        raise UserError(
            f"params.yaml: load.features: wanted columns other than {quote(target)}, each once, "
            f"got {quote(*features) or 'none'}{left_out}"
        )
    print(printable(f"target {quote(target)}; features {quote(*features)}{left_out}"))
    return features, target


def check_complete(table: Path, columns: list[str], parts: list[Array]) -> None:
    """UserError if the table has no rows or lacks a value; it names the first missing value."""
    n = sum(map(len, parts))
    if not n:
        raise UserError(f"{table}: wanted rows below the names of the columns, got none")
    missing = sum(np.isnan(part).sum(axis=0) for part in parts)
    for column in np.flatnonzero(missing)[:1]:
        row = np.argmax(np.concatenate([np.isnan(part[:, column]) for part in parts]))
        raise UserError(
            f"{table}: column {columns[column]}, row {row + 1} below the header: wanted a number, "
            f"got an empty cell, NA or nan; {missing[column]:,} of {n:,} rows lack a number; {HELP}"
        )


def load(path: Path, params: Load) -> tuple[Array, Array, SamplesInfo]:
    """X (n, k), y (n, 1), in row order, and the column names; a UserError names column and row."""
    table = open_table(path)
    features, target = choose_columns(table, params)
    columns = [*features, target]
    parts = [numbers for _, numbers in read_rows(table, dict.fromkeys(columns))]
    check_complete(path, columns, parts)

    n = sum(map(len, parts))
    X, y = np.empty((n, len(features)), np.float32), np.empty((n, 1), np.float32)
    while parts:  # Copied parts are freed, so memory never holds the table twice.
        part = parts.pop()
        X[n - len(part) : n], y[n - len(part) : n] = part[:, :-1], part[:, -1:]
        n -= len(part)
    return X, y, SamplesInfo(features=features, target=target, line=None)


def main(params: Params, table_path: Input, samples_path: Output) -> None:
    tensors.save_samples(samples_path, *load(table_path, params.load))


if __name__ == "__main__":
    run(main, Params)
