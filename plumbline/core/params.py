"""`params.yaml`, read as DVC reads it: every key is checked by name, and none has a default."""

import reprlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta

from plumbline.core.input import read
from plumbline.core.syntax import parse

# Where DVC looks for parameters, relative to the folder that it runs a stage in.
PARAMS = Path("params.yaml")

# A key beside these is a typo: no stage reads it, so no stage would miss it.
SECTIONS = {"device", "generate", "split", "train", "plot"}

# What a file of parameters may be: a person writes it. It takes up to 1,000 times its size to read.
BYTES = 100_000

# What the computation's float32 can hold; these bounds refuse nan and inf too.
MAX = 3.4028234e38
Real = Annotated[float, Meta(ge=-MAX, le=MAX)]
Positive = Annotated[float, Meta(gt=0, le=MAX)]
NonNegative = Annotated[float, Meta(ge=0, le=MAX)]
Count = Annotated[int, Meta(ge=1, lt=2**31)]
Whole = Annotated[int, Meta(ge=0, lt=2**31)]
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]

LOADED: list[msgspec.Struct] = []

Struct = TypeVar("Struct", bound=msgspec.Struct)


def load(kind: type[Struct]) -> Struct:
    """The parameters that `kind` names; ValueError lists every key that is wrong.

    A nested struct is a section: with `forbid_unknown_fields` the whole of it, else a part.
    """
    raw = parse(read(PARAMS, BYTES), PARAMS)
    problems = list(_problems(raw, kind, ""))
    if isinstance(raw, dict):
        problems += [f"{_name(key)}: unknown" for key in raw if key not in SECTIONS]
    if problems:
        raise ValueError(f"{PARAMS}: {'; '.join(sorted(problems))}")
    params = msgspec.convert(raw, kind)
    LOADED.append(params)
    return params


def changed() -> bool:
    """Whether what this process has loaded reads otherwise by now."""
    return any(load(type(params)) != params for params in tuple(LOADED))


def _name(key: Any) -> str:
    return key if isinstance(key, str) and key.isidentifier() else reprlib.repr(key)


def _problems(raw: Any, kind: Any, where: str) -> Iterator[str]:
    """Why `raw` is not a `kind`: one "key: what is wrong" for each key."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        try:
            msgspec.convert(raw, kind)
        except msgspec.ValidationError as error:
            wanted = str(error).removeprefix("Expected ").partition(", got")[0].replace("`", "")
            if get_origin(kind) is Literal:
                wanted = f"one of {', '.join(get_args(kind))}"
            yield f"{where}: wanted {wanted}, got {reprlib.repr(raw)}"
    elif not isinstance(raw, dict):
        yield f"{where or 'the file'}: wanted keys and values, got {reprlib.repr(raw)}"
    else:
        prefix = where and f"{where}."
        fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
        if kind.__struct_config__.forbid_unknown_fields:
            yield from (f"{prefix}{_name(key)}: unknown" for key in raw if key not in fields)
        for name, field in fields.items():
            if name in raw:
                yield from _problems(raw[name], field, f"{prefix}{name}")
            else:
                yield f"{prefix}{name}: missing"
