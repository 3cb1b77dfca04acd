"""Load samples from a table of your own, CSV or Parquet, in place of the stage generate.

Usage: python -m stages.load TABLE SAMPLES
"""

from difflib import get_close_matches
from pathlib import Path

import msgspec
import numpy as np

from plumbline.core import tensors
from plumbline.core.command import run
from plumbline.core.errors import UserError
from plumbline.core.files import Input, Output
from plumbline.core.tensors import Array, SamplesInfo
from plumbline.table import read_header, read_rows


class Load(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    target: str
    features: list[str] | None


class Params(msgspec.Struct, frozen=True):
    load: Load


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


def check_complete(table: Path, columns: list[str], parts: list[Array]) -> None:
    """UserError if the table has no row, or a value is missing; it names the first of them."""
    n = sum(map(len, parts))
    if not n:
        raise UserError(f"{table}: wanted rows below the names of the columns, got none")
    missing = sum(np.isnan(part).sum(axis=0) for part in parts)
    for column in np.flatnonzero(missing)[:1]:
        row = np.argmax(np.concatenate([np.isnan(part[:, column]) for part in parts]))
        raise UserError(
            f"{table}: column {columns[column]}, row {row + 1} below the header: wanted a number, "
            f"got an empty cell, NA or nan; {missing[column]:,} of {n:,} are so"
        )


def load(table: Path, params: Load) -> tuple[Array, Array, SamplesInfo]:
    """X (n, k) and y (n, 1), in the order of the table; UserError names the place of an error."""
    names = read_header(table)
    features = choose_features(table, names, params)
    columns = [*features, params.target]
    parts = list(read_rows(table, names, columns))
    check_complete(table, columns, parts)

    n = sum(map(len, parts))
    X, y = np.empty((n, len(features)), np.float32), np.empty((n, 1), np.float32)
    while parts:  # Each part is freed when it is copied, so that there are never two tables.
        part = parts.pop()
        X[n - len(part) : n], y[n - len(part) : n] = part[:, :-1], part[:, -1:]
        n -= len(part)
    return X, y, SamplesInfo(features=features, target=params.target, line=None)


def main(params: Params, table_path: Input, samples_path: Output) -> None:
    tensors.save_samples(samples_path, *load(table_path, params.load))


if __name__ == "__main__":
    run(main, Params)
