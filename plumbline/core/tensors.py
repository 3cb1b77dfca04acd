"""Tensors on disk: float32 and finite, as safetensors, which cannot hold code."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from plumbline.core.files import replacing

Array = NDArray[np.float32]
Pair = tuple[Array, Array]  # two columns of equal length, each (n, 1)
Rows = Callable[[int], slice]  # which of n rows to load

HEADER = 100_000  # bytes; reading a header takes many times its size in memory


def save(path: Path, tensors: dict[str, Array], metadata: dict[str, str] | None = None) -> None:
    """Writes the tensors; ValueError, and nothing is written, if a number is not finite.

    metadata: at most one key, because safetensors writes several in random order.
    """
    assert metadata is None or len(metadata) == 1
    for name, tensor in tensors.items():
        _check(path, name, tensor)
    with replacing(path) as partial:
        save_file({name: np.ascontiguousarray(t) for name, t in tensors.items()}, partial, metadata)


def load(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """The tensors and the metadata of a file; ValueError unless all numbers are finite float32."""
    with _opened(path, "pread") as file:
        tensors: dict[str, Array] = file.get_tensors()
        metadata: dict[str, str] = file.metadata() or {}
    for name, tensor in tensors.items():
        _check(path, name, tensor)
    return tensors, metadata


def load_columns(path: Path, *names: str, rows: Rows | None = None) -> tuple[Array, ...]:
    """The named tensors, each (n, 1) with n >= 1; ValueError if the file holds anything else.

    rows: which of the n rows to map into memory; None reads all of them.
    """
    with _opened(path, "mmap" if rows else "pread") as file:
        if sorted(file.keys()) != sorted(names):
            raise ValueError(f"{path}: wanted tensors {sorted(names)}, got {sorted(file.keys())}")
        columns: dict[str, Array] = {}
        for name in sorted(names):
            column = file.get_slice(name)
            shape = tuple(column.get_shape())
            if len(shape) != 2 or shape[1] != 1 or not shape[0]:
                raise ValueError(f"{path}: {name}: wanted shape (n, 1), got {shape}")
            columns[name] = column[rows(shape[0])] if rows else file.get_tensor(name)
            _check(path, name, columns[name])
    return tuple(columns[name] for name in names)


def load_samples(path: Path, rows: Rows | None = None) -> Pair:
    """X and y, each (n, 1), of equal length."""
    X, y = load_columns(path, "X", "y", rows=rows)
    if len(X) != len(y):
        raise ValueError(f"{path}: wanted X and y of equal length, got {len(X)} and {len(y)}")
    return X, y


def load_predictions(path: Path, train_rows: int, test_rows: int) -> tuple[Array, Array]:
    """The predictions for the training and the testing samples, each (rows, 1)."""
    train, test = load_columns(path, "train", "test")
    if (len(train), len(test)) != (train_rows, test_rows):
        raise ValueError(
            f"{path}: wanted {train_rows} and {test_rows} rows in train and test, "
            f"got {len(train)} and {len(test)}"
        )
    return train, test


@contextmanager
def _opened(path: Path, backend: Literal["mmap", "pread"]) -> Iterator[Any]:
    """An open safetensors file; ValueError if it is not one, or if a tensor is not float32."""
    if not path.is_file():
        raise ValueError(f"{path}: wanted a safetensors file, got none")
    with path.open("rb") as start:
        # The first 8 bytes are the length of the header.
        if (length := int.from_bytes(start.read(8), "little")) > HEADER:
            raise ValueError(
                f"{path}: wanted a safetensors file, got: a header of {length:,} bytes"
            )
    try:
        with safe_open(path, framework="np", backend=backend) as file:
            for name in sorted(file.keys()):
                if (dtype := file.get_slice(name).get_dtype()) != "F32":
                    raise ValueError(f"{path}: {name}: wanted dtype F32, got {dtype}")
            yield file
    except SafetensorError as error:
        raise ValueError(f"{path}: wanted a safetensors file, got: {error}") from None


def _check(path: Path, name: str, tensor: Array) -> None:
    # The minimum and the maximum of an array with a nan are nan; neither needs a copy of it.
    if tensor.size and not (np.isfinite(tensor.min()) and np.isfinite(tensor.max())):
        raise ValueError(f"{path}: {name}: wanted finite numbers, got nan or inf")
