"""A safetensors file, mapped into memory: float32 and finite."""

import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from plumbline.core.errors import UserError

Array = NDArray[np.float32]

HEADER = 100_000  # bytes; reading a header takes many times its size in memory


class Place(NamedTuple):
    """Where the float32 numbers of a tensor are in its file."""

    shape: tuple[int, ...]
    offset: int  # of the first byte

    def of(self, rows: slice) -> "Place":
        """The place of some of the rows."""
        n, *others = self.shape
        start, stop, _ = rows.indices(n)
        return Place((stop - start, *others), self.offset + 4 * start * math.prod(others))


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
    """UserError if a number is nan or inf."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(tensor.sum()):
            return  # nan and inf would be in the sum
    # The sum of finite numbers may be inf. The extremes of an array with a nan are nan.
    if not (np.isfinite(tensor.min()) and np.isfinite(tensor.max())):
        raise UserError(f"{path}: {name}: wanted finite numbers, got nan or inf")
