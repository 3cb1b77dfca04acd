"""Tensors on disk: float32 and finite, as safetensors, which cannot hold code."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from plumbline.core.errors import UserError
from plumbline.core.files import replacing
from plumbline.core.metadata import Info, SamplesInfo, decode, encode

Array = NDArray[np.float32]
Pair = tuple[Array, Array]  # X (n, k) and y (n, 1), or predicted and true y, each (n, 1)
Rows = Callable[[int], slice]  # which of n rows to load

HEADER = 100_000  # bytes; reading a header takes many times its size in memory


def save(path: Path, tensors: dict[str, Array], metadata: dict[str, str] | None = None) -> None:
    """Writes the tensors; UserError, and nothing is written, if a number is not finite.

    metadata: at most one key, because safetensors writes several in random order.
    """
    assert metadata is None or len(metadata) == 1
    for name, tensor in tensors.items():
        _check(path, name, tensor)
    with replacing(path) as partial:
        save_file({name: np.ascontiguousarray(t) for name, t in tensors.items()}, partial, metadata)


def load(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """The tensors and the metadata of a file; UserError unless all numbers are finite float32."""
    with _opened(path, "pread") as file:
        tensors: dict[str, Array] = file.get_tensors()
        metadata: dict[str, str] = file.metadata() or {}
    for name, tensor in tensors.items():
        _check(path, name, tensor)
    return tensors, metadata


def save_samples(path: Path, X: Array, y: Array, info: SamplesInfo) -> None:
    """Writes X (n, k) and y (n, 1)."""
    save(path, {"X": X, "y": y}, encode(info))


def load_samples(path: Path, rows: Rows | None = None) -> tuple[Array, Array, SamplesInfo]:
    """X (n, k), y (n, 1) and the names of their columns; n and k are at least 1.

    rows: which of the n rows to map into memory; None reads all of them.
    """
    (X, y), metadata = _load_rows(path, ("X", "y"), rows)
    info = decode(path, metadata, SamplesInfo)
    if len(X) != len(y):
        raise UserError(f"{path}: wanted X and y of equal length, got {len(X)} and {len(y)}")
    if len(info.features) != X.shape[1]:
        raise UserError(f"{path}: wanted {X.shape[1]} names of features, got {info.features}")
    return X, y, info


def load_info(path: Path, kind: type[Info]) -> Info:
    """The metadata of a file, without its tensors."""
    with _opened(path, "mmap") as file:
        return decode(path, file.metadata() or {}, kind)


def load_predictions(path: Path, train_rows: int, test_rows: int) -> Pair:
    """The predictions for the training and the testing samples, each (rows, 1)."""
    (train, test), _ = _load_rows(path, ("train", "test"), None)
    if (len(train), len(test)) != (train_rows, test_rows):
        raise UserError(
            f"{path}: wanted {train_rows} and {test_rows} rows in train and test, "
            f"got {len(train)} and {len(test)}"
        )
    return train, test


def _load_rows(
    path: Path, names: tuple[str, str], rows: Rows | None
) -> tuple[list[Array], dict[str, str]]:
    """The two tensors of the file, and its metadata; UserError if it holds anything else.

    Each is (n, 1) with n >= 1; X is (n, k) with k >= 1.
    """
    found: dict[str, Array] = {}
    with _opened(path, "mmap" if rows else "pread") as file:
        if sorted(file.keys()) != sorted(names):
            raise UserError(f"{path}: wanted tensors {sorted(names)}, got {sorted(file.keys())}")
        for name in sorted(names):
            part = file.get_slice(name)
            shape, wanted = tuple(part.get_shape()), "(n, k)" if name == "X" else "(n, 1)"
            if len(shape) != 2 or not all(shape) or (name != "X" and shape[1] != 1):
                raise UserError(f"{path}: {name}: wanted shape {wanted}, got {shape}")
            found[name] = part[rows(shape[0])] if rows else file.get_tensor(name)
            _check(path, name, found[name])
        metadata: dict[str, str] = file.metadata() or {}
    return [found[name] for name in names], metadata


@contextmanager
def _opened(path: Path, backend: Literal["mmap", "pread"]) -> Iterator[Any]:
    """An open safetensors file; UserError if it is not one, or if a tensor is not float32."""
    if not path.is_file():
        raise UserError(f"{path}: wanted a safetensors file, got none")
    with path.open("rb") as start:
        # The first 8 bytes are the length of the header.
        if (length := int.from_bytes(start.read(8), "little")) > HEADER:
            raise UserError(f"{path}: wanted a safetensors file, got: a header of {length:,} bytes")
    try:
        with safe_open(path, framework="np", backend=backend) as file:
            for name in sorted(file.keys()):
                if (dtype := file.get_slice(name).get_dtype()) != "F32":
                    raise UserError(f"{path}: {name}: wanted dtype F32, got {dtype}")
            yield file
    except SafetensorError as error:
        raise UserError(f"{path}: wanted a safetensors file, got: {error}") from None


def _check(path: Path, name: str, tensor: Array) -> None:
    # The minimum and the maximum of an array with a nan are nan; neither needs a copy of it.
    if tensor.size and not (np.isfinite(tensor.min()) and np.isfinite(tensor.max())):
        raise UserError(f"{path}: {name}: wanted finite numbers, got nan or inf")
