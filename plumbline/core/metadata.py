"""The metadata of a tensor file: one key, because safetensors writes several in random order."""

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from plumbline.core.errors import UserError

Line = tuple[float, float]  # weight and bias of y = weight * X + bias
Setting = int | float | str | bool | list[int | float | str | bool] | None


class SamplesInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The names of the columns, and the line that generated y, if there is one."""

    features: Annotated[list[str], Meta(min_length=1)]
    target: str
    line: Line | None


class ModelInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What makes a new model, and the line that it has learned, if it is one in one feature."""

    name: str
    features: Annotated[int, Meta(ge=1)]
    settings: dict[str, Setting]  # the other arguments of its class
    standardize: bool
    line: Line | None


Info = TypeVar("Info", SamplesInfo, ModelInfo)


def encode(info: SamplesInfo | ModelInfo) -> dict[str, str]:
    return {"info": msgspec.json.encode(info).decode()}


def decode(path: Path, metadata: dict[str, str], kind: type[Info]) -> Info:
    """The info in a file's metadata; UserError if the file has another one, or none."""
    try:
        return msgspec.json.decode(metadata.get("info", ""), type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise UserError(f"{path}: wanted {kind.__name__} as metadata, got: {error}") from None
