"""Predict the rows of a new table, CSV or Parquet: it is written again with one more column.

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
from plumbline.table import Header, read_header
from plumbline.tally import Errors, Outside
from plumbline.wider import read_with_numbers, write_wider
from stages.model import MODELS

GAPS = {"refuse": "an error", "empty": "an empty prediction"}


class Predict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    gaps: Annotated[str, one_of(GAPS)]


class Params(msgspec.Struct, frozen=True):
    device: str
    predict: Predict


def choose_columns(header: Header, info: ModelInfo, model: Path) -> dict[str, float]:
    """How far float32 may move a number of each feature, and of the target if the table has it.

    UserError for a feature that the table lacks.
    """
    for name in info.features:
        header.check_name(name, f"{model}: its feature")
    # As in `load`, a hundredth of the standard deviation, which is at most half of the range.
    limits = [(high - low) / 200 or math.inf for low, high in info.ranges]
    columns = dict(zip(info.features, limits, strict=True))
    if info.target in header.names:
        header.check_name(info.target, f"{model}: its target")
        columns[info.target] = math.inf
    return columns


def check_gaps(table: Path, columns: list[str], X: Array, first: int) -> None:
    """UserError for the first nan in X, whose first row has this number."""
    for row, column in np.argwhere(np.isnan(X))[:1]:
        raise UserError(
            f"{table}: column {columns[column]}, row {first + row} below the header: wanted a "
            "number, got an empty cell, NA or nan; with predict.gaps: empty in params.yaml such a "
            "row gets an empty prediction"
        )


def check_finite(table: Path, predicted: Array, gaps: NDArray[np.bool_], first: int) -> None:
    """UserError for the first prediction that float32 cannot hold, in a row without a gap."""
    for row in np.flatnonzero(~np.isfinite(predicted) & ~gaps)[:1]:
        raise UserError(
            f"{table}: row {first + row} below the header: wanted a finite prediction, "
            f"got {predicted[row]}"
        )


def main(params: Params, table_path: Input, model_path: Input, predictions_path: Output) -> None:
    threads, device = use_threads(), use_device(params.device)
    model = load_model(model_path, MODELS).to(device)
    info = tensors.load_info(model_path, ModelInfo)
    header = read_header(table_path)
    if Path(table_path).resolve() == Path(predictions_path).resolve():
        raise UserError(f"{predictions_path}: wanted another file than the table")
    columns, k = choose_columns(header, info, model_path), len(info.features)
    names = [f"predicted_{info.target}", "residual"][: 1 + len(columns) - k]

    n, empty, outside, errors = 0, 0, Outside(info), Errors(info)
    with replacing(predictions_path) as partial, write_wider(header, partial, names) as write:
        for cells, numbers in read_with_numbers(header, columns):
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
        print(
            f"on {device.type}; the model was trained on {info.device}, so last digits may differ"
        )
    outside.tell()
    errors.tell()


if __name__ == "__main__":
    run(main, Params)
