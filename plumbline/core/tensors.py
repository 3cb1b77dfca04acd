"""Tensors on disk: float32 and finite, as safetensors, which cannot hold code.

A file is mapped into memory when it is read. Its metadata has one key, because safetensors writes
several in random order.
"""

import json
import math
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from plumbline.core.errors import UserError
from plumbline.core.files import replacing
from plumbline.core.threads import count_threads, in_threads

Array = NDArray[np.float32]
Floats = NDArray[np.float64]
Pair = tuple[Array, Array]  # X (n, k) and y (n, 1), or predicted and true y, each (n, 1)
Line = tuple[float, float]  # weight and bias of y = weight * X + bias
Setting = int | float | str | bool | list[int | float | str | bool] | None

CHUNK = 2**20  # rows that are checked at a time
HEADER = 1_000_000  # bytes; reading a header takes many times its size in memory


class Place(NamedTuple):
    """Where the float32 numbers of a tensor are in its file."""

    shape: tuple[int, ...]
    offset: int  # of the first byte

    def of(self, rows: slice) -> "Place":
        """The place of some of the rows."""
        n, *others = self.shape
        start, stop, _ = rows.indices(n)
        return Place((stop - start, *others), self.offset + 4 * start * math.prod(others))


class SamplesInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The names of the columns, and the line that generated y, if there is one."""

    features: Annotated[list[str], Meta(min_length=1)]
    target: str
    line: Line | None


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that makes a new model."""

    name: str
    features: Annotated[int, Meta(ge=1)]
    settings: dict[str, Setting]  # the other arguments of its class
    standardize: bool


class Coefficients(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Those of y = X @ weights + bias, in the units of the data."""

    weights: list[float]
    bias: float

    @property
    def line(self) -> Line | None:
        """The weight and the bias, if there is one feature."""
        return (self.weights[0], self.bias) if len(self.weights) == 1 else None


class ModelInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that it takes to make the model again and to use it; the same wherever it was trained."""

    recipe: Recipe
    features: Annotated[list[str], Meta(min_length=1)]  # in the order of the columns of X
    target: str
    ranges: list[tuple[float, float]]  # of each feature over the training samples
    median: float  # of the target over them, the best constant prediction
    samples: str  # the MD5 of the file of training samples, as in dvc.lock
    device: str  # the kind that trained it: cpu, cuda, mps or xpu
    coefficients: Coefficients | None  # what it has learned, if y is linear in X

    def __post_init__(self) -> None:
        lengths = {len(self.features), len(self.ranges)}
        lengths |= {len(self.coefficients.weights)} if self.coefficients else set()
        if lengths != {self.recipe.features}:
            raise ValueError(f"other numbers of features than {self.recipe.features}")


Info = TypeVar("Info", SamplesInfo, ModelInfo)


def encode(info: SamplesInfo | ModelInfo) -> dict[str, str]:
    return {"info": msgspec.json.encode(info).decode()}


def decode(path: Path, metadata: dict[str, str], kind: type[Info]) -> Info:
    """The info in a file's metadata; UserError if the file has another one, or none."""
    try:
        return msgspec.json.decode(metadata.get("info", ""), type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        old = "; an older version may have written the file: run `dvc repro`"
        raise UserError(f"{path}: wanted {kind.__name__} as metadata, got: {error}{old}") from None


def save(path: Path, tensors: dict[str, Array], metadata: dict[str, str] | None = None) -> None:
    """Writes the tensors; UserError, and nothing is written, if a number is not finite.

    metadata: at most one key, because safetensors writes several in random order.
    """
    assert metadata is None or len(metadata) == 1
    for name, tensor in tensors.items():
        check_finite(path, name, tensor)
    with replacing(path) as partial:
        save_file({name: np.ascontiguousarray(t) for name, t in tensors.items()}, partial, metadata)


def load(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """The tensors and the metadata of a file; UserError unless all numbers are finite float32."""
    places, metadata = read_header(path)
    return {
        name: np.array(map_tensor(path, name, place)) for name, place in places.items()
    }, metadata


def save_samples(path: Path, X: Array, y: Array, info: SamplesInfo) -> None:
    """Writes X (n, k) and y (n, 1)."""
    save(path, {"X": X, "y": y}, encode(info))


def load_samples(path: Path, rows: slice = slice(None)) -> tuple[Array, Array, SamplesInfo]:
    """X (n, k), y (n, 1) and the names of their columns; n and k are at least 1.

    rows: which of the rows in the file to load.
    """
    (X, y), info = _find_samples(path)
    return map_tensor(path, "X", X.of(rows)), map_tensor(path, "y", y.of(rows)), info


def load_targets(path: Path) -> tuple[Array, SamplesInfo]:
    """Y (n, 1) and the names of the columns, without X."""
    (_, y), info = _find_samples(path)
    return map_tensor(path, "y", y), info


def count_samples(path: Path) -> int:
    """The number of rows in the file."""
    (X, _), _ = _find_samples(path)
    return X.shape[0]


def load_info(path: Path, kind: type[Info]) -> Info:
    """The metadata of a file, without its tensors."""
    return decode(path, read_header(path)[1], kind)


def load_predictions(path: Path, train_rows: int, test_rows: int) -> Pair:
    """The predictions for the training and the testing samples, each (rows, 1)."""
    (train, test), _ = _find(path, "train", "test")
    found = train.shape[0], test.shape[0]
    if found != (train_rows, test_rows):
        raise UserError(
            f"{path}: wanted {train_rows} and {test_rows} rows in train and test, "
            f"got {found[0]} and {found[1]}"
        )
    return map_tensor(path, "train", train), map_tensor(path, "test", test)


def _find_samples(path: Path) -> tuple[tuple[Place, Place], SamplesInfo]:
    """The places of X and y, and their names; UserError if they do not fit each other."""
    (X, y), metadata = _find(path, "X", "y")
    info = decode(path, metadata, SamplesInfo)
    if X.shape[0] != y.shape[0]:
        raise UserError(
            f"{path}: wanted X and y of equal length, got {X.shape[0]} and {y.shape[0]}"
        )
    if len(info.features) != X.shape[1]:
        raise UserError(f"{path}: wanted {X.shape[1]} names of features, got {info.features}")
    return (X, y), info


def _find(path: Path, *names: str) -> tuple[list[Place], dict[str, str]]:
    """The places of these tensors, and the metadata; UserError if the file has any others.

    Each is (n, 1) with n >= 1; X is (n, k) with k >= 1.
    """
    places, metadata = read_header(path)
    if sorted(places) != sorted(names):
        raise UserError(f"{path}: wanted tensors {sorted(names)}, got {sorted(places)}")
    for name, (shape, _) in places.items():
        wanted = "(n, k)" if name == "X" else "(n, 1)"
        if len(shape) != 2 or not all(shape) or (name != "X" and shape[1] != 1):
            raise UserError(f"{path}: {name}: wanted shape {wanted}, got {shape}")
    return [places[name] for name in names], metadata


def read_header(path: Path) -> tuple[dict[str, Place], dict[str, str]]:
    """The place of each tensor, in the order of their names, and the metadata.

    UserError if the file is no whole safetensors file, or a tensor is not float32.
    """
    if not path.is_file():
        raise UserError(f"{path}: wanted a safetensors file, got none")
    with path.open("rb") as file:
        # https://github.com/huggingface/safetensors#format: the header's length, and the header.
        if (length := int.from_bytes(file.read(8), "little")) > HEADER:
            raise UserError(f"{path}: wanted a safetensors file, got: a header of {length:,} bytes")
        header = file.read(length)
    try:
        with safe_open(path, framework="np") as tensors:
            slices = {name: tensors.get_slice(name) for name in sorted(tensors.keys())}
            metadata: dict[str, str] = tensors.metadata() or {}
            for name, found in slices.items():
                if (dtype := found.get_dtype()) != "F32":
                    raise UserError(f"{path}: {name}: wanted dtype F32, got {dtype}")
            shapes = {name: tuple(found.get_shape()) for name, found in slices.items()}
    except SafetensorError as error:
        raise UserError(f"{path}: wanted a safetensors file, got: {error}") from None
    content = json.loads(header)
    return {
        name: Place(shape, 8 + length + content[name]["data_offsets"][0])
        for name, shape in shapes.items()
    }, metadata


def map_tensor(path: Path, name: str, place: Place) -> Array:
    """The tensor, mapped into memory and read-only; safetensors would copy it to new memory."""
    if not math.prod(place.shape):
        return np.empty(place.shape, np.float32)
    tensor = np.memmap(path, np.float32, "r", place.offset, place.shape).view(np.ndarray)
    check_finite(path, name, tensor)
    return tensor


def check_finite(path: Path, name: str, tensor: Array) -> None:
    """UserError if a number is nan or inf; all cores look for one."""

    def is_finite(start: int) -> bool:
        rows = tensor[start : start + CHUNK]
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(rows.sum()):
                return True  # nan and inf would be in the sum
        # The sum of finite numbers may be inf. The extremes of an array with a nan are nan.
        return bool(np.isfinite(rows.min()) and np.isfinite(rows.max()))

    if not all(in_threads(is_finite, range(0, len(tensor), CHUNK), count_threads())):
        raise UserError(f"{path}: {name}: wanted finite numbers, got nan or inf")
