"""Predict each row of a table, CSV or Parquet; write a copy of the table with the predictions.

Usage: python -m stages.predict TABLE MODEL PREDICTIONS
"""

import math
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from plumbline.core import tensors
from plumbline.core.command import run
from plumbline.core.errors import UserError
from plumbline.core.files import Input, Output, replacing
from plumbline.core.params import one_of
from plumbline.core.tensors import Array, ModelInfo
from plumbline.inference.device import predict, use_device, use_threads
from plumbline.inference.model import load_model
from plumbline.predictions import Errors, OutOfRange, write_table
from plumbline.table import Table, open_table, read_rows
from stages.model import MODELS

GAPS = ["refuse", "empty"]  # for a row with a gap: an error, or an empty prediction


class Predict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    gaps: Annotated[str, one_of(GAPS)]


class Params(msgspec.Struct, frozen=True):
    device: str
    predict: Predict


def choose_columns(table: Table, info: ModelInfo) -> dict[str, tuple[float, float]]:
    """The columns to read, with their ranges in training: the features, and the target if present.

    The target's range is infinite. UserError for a missing feature.
    """
    for name in info.features:
        table.check_name(name, why=", which the model needs")
    columns = dict(zip(info.features, info.ranges, strict=True))
    if info.target in table.names:
        table.check_name(info.target, why=", which the model predicts")
        columns[info.target] = (-math.inf, math.inf)
    return columns


def check_gaps(table: Path, columns: list[str], X: Array, first: int) -> None:
    """UserError for the first nan in X, whose first row has the number `first` in the table."""
    for row, column in np.argwhere(np.isnan(X))[:1]:
        raise UserError(
            f"{table}: column {columns[column]}, row {first + row} below the header: wanted a "
            "number, got an empty cell, NA or nan; to get an empty prediction, set predict.gaps "
            "to empty in params.yaml"
        )


def check_finite(table: Path, predicted: Array, gaps: NDArray[np.bool_], first: int) -> None:
    """UserError for the first prediction that is not finite, except in rows with a gap."""
    for row in np.flatnonzero(~np.isfinite(predicted) & ~gaps)[:1]:
        raise UserError(
            f"{table}: row {first + row} below the header: wanted a finite prediction, "
            f"got {predicted[row]}"
        )


def main(params: Params, table_path: Input, model_path: Input, predictions_path: Output) -> None:
    threads, device = use_threads(), use_device(params.device)
    model = load_model(model_path, MODELS).to(device)
    info = tensors.load_info(model_path, ModelInfo)
    table = open_table(table_path)
    if Path(table_path).resolve() == Path(predictions_path).resolve():
        raise UserError(f"{predictions_path}: wanted a file other than the table")
    columns, k = choose_columns(table, info), len(info.features)
    names = [f"predicted_{info.target}", "residual"][: 1 + len(columns) - k]

    n, empty, outside, errors = 0, 0, OutOfRange(info), Errors(info)
    with replacing(predictions_path) as partial, write_table(table, partial, names) as write:
        for cells, numbers in read_rows(table, columns, whole=True):
            X, y = numbers[:, :k], numbers[:, k:]
            gaps = np.isnan(X).max(axis=1)
            if params.predict.gaps == "refuse":
                check_gaps(table_path, info.features, X, n + 1)
            predicted = predict(model, torch.tensor(X, device=device), threads).numpy()[:, 0]
            check_finite(table_path, predicted, gaps, n + 1)
            predicted[gaps] = np.nan
            write(cells, [predicted, *(errors.add(predicted, true) for true in y.T)])
            outside.add(X)
            n, empty = n + len(X), empty + int(gaps.sum())
        if not n:
            raise UserError(f"{table_path}: wanted rows below the names of the columns, got none")

    print(f"predicted {n - empty:,} of {n:,} rows" + "; the others have gaps" * bool(empty))
    if device.type != info.device:
        print(f"predicted on {device.type}, trained on {info.device}: the last digits may differ")
    for line in (*outside.lines(), *errors.lines()):
        print(line)


if __name__ == "__main__":
    run(main, Params)
