"""A saved model for notebooks: it predicts from named columns, and can be exported."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from plumbline.core.errors import UserError
from plumbline.core.files import replacing
from plumbline.core.tensors import Array, ModelInfo, load_info
from plumbline.inference.device import ROW_MULTIPLE, predict, use_threads
from plumbline.inference.model import Models, load_model
from plumbline.table import Table


class Predictor:
    """Predicts on the CPU, with the same bits as stages/predict.py on the CPU."""

    def __init__(self, path: str | Path, models: Models) -> None:
        self.model, self.info = load_model(Path(path), models), load_info(Path(path), ModelInfo)

    def predict(self, table: Any) -> Array:
        """The predictions (n,) for a table of n rows, both in the units of the training samples.

        table: a data frame, a pyarrow table or a dictionary, whose columns may be in any order and
        may include unused ones; or an array (n, features) with columns as in `info.features`.
        """
        X, threads = self._numbers(table), use_threads()
        try:
            return predict(self.model, torch.tensor(X), threads)[:, 0].numpy()
        finally:
            torch.set_num_threads(threads)

    def export(self, path: str | Path) -> None:
        """Writes a program that predicts y (n, 1) for X (n, features): the same bits as `predict`.

        It needs only PyTorch. Its extra file `features` lists the features' names, one per line.
        """
        example, rows = torch.zeros(2, len(self.info.features)), torch.export.Dim.DYNAMIC
        program = torch.export.export(
            _Padded(self.model).eval(), (example,), dynamic_shapes=({0: rows},)
        )
        names = {"features": "\n".join(self.info.features)}
        with replacing(Path(path)) as partial, partial.open("wb") as file:
            torch.export.save(program, file, extra_files=names)

    def _numbers(self, table: Any) -> Array:
        """X (n, features); UserError unless all are finite numbers."""
        names, features = _names_of(table), self.info.features
        if names is None:
            X = _to_numbers("the array", table)
            if X.ndim != 2 or X.shape[1] != len(features):
                raise UserError(f"wanted an array (n, {len(features)}), got {X.shape}")
        else:
            for name in features:
                Table(Path("the table"), names).check_name(name, why=", which the model needs")
            columns = [_to_numbers(f"column {name}", table[name]) for name in features]
            if len(shapes := {column.shape for column in columns}) > 1 or columns[0].ndim != 1:
                raise UserError(
                    f"wanted columns (n,) of one length, got {', '.join(map(str, shapes))}"
                )
            X = np.column_stack(columns)
        with np.errstate(over="ignore"):
            numbers = X.astype(np.float32)
        for row, column in np.argwhere(~np.isfinite(numbers))[:1]:
            raise UserError(
                f"column {features[column]}, row {row} (counted from 0): wanted a finite float32, "
                f"got {X[row, column]}"
            )
        return numbers


class _Padded(nn.Module):
    """A model that appends rows of zeros to X, so that it predicts the same bits as `predict`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, X: Tensor) -> Tensor:
        n, k = X.shape
        # Adds ROW_MULTIPLE rows more than `predict`: torch.export fails if a size may be 0 or 1.
        y: Tensor = self.model(torch.cat([X, X.new_zeros(ROW_MULTIPLE + -n % ROW_MULTIPLE, k)]))
        return y[:n]


def _names_of(table: Any) -> list[str] | None:
    """The names of the columns; None for an array."""
    if isinstance(table, Mapping):
        return list(table)
    names = getattr(table, "column_names", getattr(table, "columns", None))
    return None if names is None else list(names)


def _to_numbers(what: str, values: Any) -> NDArray[np.float64]:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"{what}: wanted numbers, got: {error}") from None
