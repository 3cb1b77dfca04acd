"""What is told about predictions, counted some rows at a time."""

import math

import numpy as np

from plumbline.core.command import printable
from plumbline.core.tensors import Array, ModelInfo

SHOWN = 20  # features in a message


class Outside:
    """The rows outside of the range of the training samples, by feature."""

    def __init__(self, info: ModelInfo) -> None:
        self.names, k = info.features, len(info.features)
        self.low, self.high = np.array(info.ranges, np.float32).T
        self.n, self.rows, self.counts = 0, 0, np.zeros(k, np.int64)
        self.lowest, self.highest = np.full(k, math.inf), np.full(k, -math.inf)

    def add(self, X: Array) -> None:
        """X: (n, features); nan is not outside."""
        self.n += len(X)
        outside = np.less(X, self.low) | np.greater(X, self.high)
        if outside.any():
            self.rows += int(outside.any(axis=1).sum())
            self.counts += outside.sum(axis=0)
            self.lowest = np.minimum(self.lowest, X.min(axis=0, initial=math.inf, where=outside))
            self.highest = np.maximum(self.highest, X.max(axis=0, initial=-math.inf, where=outside))

    def tell(self) -> None:
        """Prints how many rows are outside, and a line for each feature."""
        found = np.flatnonzero(self.counts)
        if len(found):
            rows = f"{self.rows:,} of {self.n:,} rows"
            print(f"outside of the range that the model was trained on: {rows}")
        for i in found[:SHOWN]:
            low, high = f"{self.lowest[i]:g}", f"{self.highest[i]:g}"
            line = (
                f"  {self.counts[i]:,} of {self.n:,} rows: {self.names[i]} {low}"
                f"{f' to {high}' * (low != high)}, trained on {self.low[i]:g} to {self.high[i]:g}"
            )
            print(printable(line))
        if len(found) > SHOWN:
            print(f"  and {len(found) - SHOWN:,} more features")


class Errors:
    """The mean absolute error, beside that of the training median."""

    def __init__(self, info: ModelInfo) -> None:
        self.target, self.median = info.target, info.median
        self.n, self.missing, self.model, self.baseline = 0, 0, 0.0, 0.0

    def add(self, predicted: Array, true: Array) -> Array:
        """Predicted - true, nan where one of them is; each: (n,)."""
        residual = predicted.astype(np.float64) - true
        there = np.isfinite(residual)
        self.n += int(there.sum())
        self.missing += int(np.isnan(true).sum())
        self.model += float(np.abs(residual[there]).sum())
        self.baseline += float(np.abs(true[there] - self.median).sum(dtype=np.float64))
        return residual.astype(np.float32)

    def tell(self) -> None:
        """Prints the errors of the rows that have a prediction and a true value, if there are."""
        if self.missing:
            print(printable(f"no {self.target}, and so no residual: {self.missing:,} rows"))
        if self.n:
            model, baseline = self.model / self.n, self.baseline / self.n
            print(f"mae: {model:.6g} in {self.n:,} rows")
            print(f"predicting the training median, {self.median:g}: {baseline:.6g}")
