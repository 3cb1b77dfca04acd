"""Saves and loads finite float32 tensors in the safetensors format, which cannot contain code.

A file is mapped into memory: its numbers are read from disk when they are used.
"""

import json
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from plumbline.core.errors import UserError
from plumbline.core.files import replacing
from plumbline.core.threads import count_threads, map_in_threads

Array = NDArray[np.float32]
Floats = NDArray[np.float64]
Pair = tuple[Array, Array]  # X (n, k) and y (n, 1), or predicted and true y, each (n, 1)
Line = tuple[float, float]  # weight and bias of y = weight * X + bias
Setting = int | float | str | bool | list[int | float | str | bool] | None

CHUNK = 2**20  # rows that a thread checks at a time
HEADER = 10_000_000  # bytes at most; reading a header takes many times its size in memory


class SamplesInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The names of the columns, and the line that generated y, if it is known."""

    features: Annotated[list[str], Meta(min_length=1)]
    target: str
    line: Line | None


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The class and the arguments of an untrained model."""

    name: str
    features: Annotated[int, Meta(ge=1)]
    settings: dict[str, Setting]  # the arguments of the class besides `features`
    standardize: bool


class Coefficients(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The weights and the bias of y = X @ weights + bias, in the units of the data."""

    weights: list[float]
    bias: float

    @property
    def line(self) -> Line | None:
        """The weight and the bias, if there is one feature."""
        return (self.weights[0], self.bias) if len(self.weights) == 1 else None


class ModelInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The metadata in a model's file."""

    recipe: Recipe
    features: Annotated[list[str], Meta(min_length=1)]  # in the order of the columns of X
    target: str
    ranges: list[tuple[float, float]]  # smallest and largest value of each training feature
    median: float  # of the training y: no constant prediction has a lower MAE
    samples: str  # the MD5 of the file of training samples, as in dvc.lock
    device: str  # the type of device that trained the model: cpu, cuda, mps or xpu
    coefficients: Coefficients | None  # in the units of the data; None if not linear

    def __post_init__(self) -> None:
        lengths = {len(self.features), len(self.ranges)}
        lengths |= {len(self.coefficients.weights)} if self.coefficients else set()
        if lengths != {self.recipe.features}:
            raise ValueError(f"more or fewer than {self.recipe.features} names, ranges or weights")


Info = TypeVar("Info", SamplesInfo, ModelInfo)


def encode(info: SamplesInfo | ModelInfo) -> dict[str, str]:
    return {"info": msgspec.json.encode(info).decode()}


def decode(path: Path, metadata: dict[str, str], kind: type[Info]) -> Info:
    """The info in a file's metadata; UserError if it is missing or not a `kind`."""
    try:
        return msgspec.json.decode(metadata.get("info", ""), type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        old = "; an older version may have written the file: run `dvc repro`"
        raise UserError(f"{path}: wanted {kind.__name__} as metadata, got: {error}{old}") from None


def save(path: Path, tensors: dict[str, Array], metadata: dict[str, str] | None = None) -> None:
    """Writes the tensors; if a number is not finite, raises UserError and writes nothing.

    metadata: at most one key, because safetensors writes several keys in random order.
    """
    assert metadata is None or len(metadata) == 1
    content = {n: np.asarray(_finite(path, n, t), order="C") for n, t in tensors.items()}
    with replacing(path) as partial:
        save_file(content, partial, metadata)


def load(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """The tensors and the metadata of a file; UserError unless all numbers are finite float32."""
    tensors, metadata = _map(path)
    return {name: np.array(_finite(path, name, t)) for name, t in tensors.items()}, metadata


def save_samples(path: Path, X: Array, y: Array, info: SamplesInfo) -> None:
    """Writes X (n, k) and y (n, 1)."""
    save(path, {"X": X, "y": y}, encode(info))


def load_samples(path: Path, rows: slice = slice(None)) -> tuple[Array, Array, SamplesInfo]:
    """These rows of a file's X (n, k) and y (n, 1), and the names of the columns; n, k >= 1."""
    X, y, info = _map_samples(path)
    return _finite(path, "X", X[rows]), _finite(path, "y", y[rows]), info


def load_targets(path: Path) -> tuple[Array, SamplesInfo]:
    """The column y (n, 1) and the names of the columns, without reading X."""
    _, y, info = _map_samples(path)
    return _finite(path, "y", y), info


def count_samples(path: Path) -> int:
    """The number of rows in the file."""
    return len(_map_samples(path)[0])


def load_info(path: Path, kind: type[Info]) -> Info:
    """The metadata of a file, without reading its tensors."""
    return decode(path, _map(path)[1], kind)


def load_predictions(path: Path, train_rows: int, test_rows: int) -> Pair:
    """The predictions for the training and the testing samples, each (rows, 1)."""
    (test, train), _ = _map_columns(path, "test", "train")
    if (len(train), len(test)) != (train_rows, test_rows):
        raise UserError(
            f"{path}: wanted {train_rows} and {test_rows} rows in train and test, "
            f"got {len(train)} and {len(test)}"
        )
    return _finite(path, "train", train), _finite(path, "test", test)


def _map_samples(path: Path) -> tuple[Array, Array, SamplesInfo]:
    """X, y and the names of their columns; UserError if the numbers of rows or columns differ."""
    (X, y), metadata = _map_columns(path, "X", "y")
    info = decode(path, metadata, SamplesInfo)
    if len(X) != len(y):
        raise UserError(f"{path}: wanted X and y of equal length, got {len(X)} and {len(y)}")
    if len(info.features) != X.shape[1]:
        raise UserError(f"{path}: wanted {X.shape[1]} names of features, got {info.features}")
    return X, y, info


def _map_columns(path: Path, *names: str) -> tuple[list[Array], dict[str, str]]:
    """The tensors, in the order of `names`, and the metadata; UserError if the names differ.

    names: sorted. Each tensor is (n, 1) with n >= 1, except X, which is (n, k) with k >= 1.
    """
    tensors, metadata = _map(path)
    if list(tensors) != [*names]:
        raise UserError(f"{path}: wanted tensors {[*names]}, got {list(tensors)}")
    for name, tensor in tensors.items():
        wanted = "(n, k)" if name == "X" else "(n, 1)"
        if tensor.ndim != 2 or not tensor.size or (name != "X" and tensor.shape[1] != 1):
            raise UserError(f"{path}: {name}: wanted shape {wanted}, got {tensor.shape}")
    return list(tensors.values()), metadata


def _map(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """The tensors, sorted by name, and the metadata; UserError unless all tensors are float32.

    Each tensor is read-only and mapped into memory.
    """
    if not path.is_file():
        raise UserError(f"{path}: wanted a safetensors file, got none")
    with path.open("rb") as file:
        # https://github.com/huggingface/safetensors#format: the header's length, then the header.
        if (length := int.from_bytes(file.read(8), "little")) > HEADER:
            raise UserError(f"{path}: wanted a safetensors file, got: a header of {length:,} bytes")
        header = file.read(length)
    try:
        with safe_open(path, framework="np"):  # checks the header
            entries = json.loads(header)
    except SafetensorError as error:
        raise UserError(f"{path}: wanted a safetensors file, got: {error}") from None
    metadata, tensors = entries.pop("__metadata__", None) or {}, {}
    for name, entry in sorted(entries.items()):
        if entry["dtype"] != "F32":
            raise UserError(f"{path}: {name}: wanted dtype F32, got {entry['dtype']}")
        shape, start = tuple(entry["shape"]), 8 + length + entry["data_offsets"][0]
        # Safetensors would copy the tensor to new memory.
        tensors[name] = np.memmap(path, np.float32, "r", start, shape).view(np.ndarray)
    return tensors, metadata


def _finite(path: Path, name: str, tensor: Array) -> Array:
    """The tensor itself; UserError if a number is nan or inf. All cores share the check."""
    column = np.atleast_1d(tensor)

    def is_finite(start: int) -> bool:
        rows = column[start : start + CHUNK]
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(rows.sum()):
                return True  # a nan or inf would make the sum nan or inf
        # The sum of finite numbers can overflow. If a number is nan, min() and max() are nan.
        return bool(np.isfinite(rows.min()) and np.isfinite(rows.max()))

    if not all(map_in_threads(is_finite, range(0, len(column), CHUNK), count_threads())):
        raise UserError(f"{path}: {name}: wanted finite numbers, got nan or inf")
    return tensor
