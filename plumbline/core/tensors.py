"""Tensors on disk: float32 and finite, as safetensors, which cannot hold code."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from plumbline.core.errors import UserError
from plumbline.core.files import replacing
from plumbline.core.metadata import Info, SamplesInfo, decode, encode
from plumbline.core.tensor_file import Array, Place, check_finite, map_tensor, read_header

Pair = tuple[Array, Array]  # X (n, k) and y (n, 1), or predicted and true y, each (n, 1)


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
