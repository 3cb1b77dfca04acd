"""Reads `params.yaml` as DVC does; an error names each wrong or missing key. No key has a default.

`versions.yaml` contains further parameters: the versions of the packages that stages import.
"""

import re
import reprlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_origin

import msgspec
from msgspec import Meta

from plumbline.core.errors import UserError
from plumbline.core.files import parse_yaml, read

# Relative to the folder in which DVC runs a stage.
PARAMS = Path("params.yaml")
VERSIONS = Path("versions.yaml")

LIBRARY = "plumbline"
INSTALL_HINT = (
    "type: pip install -r requirements.txt; or, to use the installed versions: "
    "python -m plumbline versions"
)

# Far more than a person writes. Parsing YAML may take 1,000 times the file's size in memory.
MAX_BYTES = 100_000

# The largest float32, because models compute in float32. The bounds also refuse nan and inf.
MAX = (2 - 2**-23) * 2.0**127
Real = Annotated[float, Meta(ge=-MAX, le=MAX)]
Positive = Annotated[float, Meta(gt=0, le=MAX)]
NonNegative = Annotated[float, Meta(ge=0, le=MAX)]
PositiveInt = Annotated[int, Meta(ge=1, lt=2**31)]
NonNegativeInt = Annotated[int, Meta(ge=0, lt=2**31)]
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]

Struct = TypeVar("Struct", bound=msgspec.Struct)


def one_of(names: Iterable[str]) -> Meta:
    """Metadata for Annotated[str, ...]: the text must be one of these names."""
    return Meta(extra={"one of": list(names)})


def load_params(kind: type[Struct]) -> Struct:
    """The parameters that are fields of `kind`, from params.yaml; UserError lists each wrong key.

    A nested struct is a section. Only a struct with `forbid_unknown_fields` refuses other keys.
    """
    raw = parse_yaml(read(PARAMS, MAX_BYTES), PARAMS)
    if problems := list(_problems(raw, kind, "")):
        raise UserError(f"{PARAMS}: {'; '.join(sorted(problems))}")
    return msgspec.convert(raw, kind)


def check_versions() -> None:
    """Raises UserError for the packages whose installed version differs from versions.yaml."""
    found = installed_versions()
    if problems := [
        f"{name}: wanted {wanted}, got {found[name]}"
        for name, wanted in read_versions().items()
        if name in found and found[name] != _public(name, wanted)
    ]:
        raise UserError(f"{VERSIONS}: {'; '.join(problems)}; {INSTALL_HINT}")


def read_versions() -> dict[str, str]:
    """The package names and versions in versions.yaml; empty if that file does not exist."""
    raw = parse_yaml(read(VERSIONS, MAX_BYTES), VERSIONS) if VERSIONS.exists() else {}
    try:
        return msgspec.convert(raw, dict[str, str])
    except msgspec.ValidationError as error:
        raise UserError(f"{VERSIONS}: wanted names and versions in quotes; {error}") from None


def installed_versions() -> dict[str, str]:
    """The version of each installed package by normalised name, without a local part such as +cpu.

    Of two copies, the first on sys.path is returned, because Python imports it. Names and versions
    are read from folder names such as torch-2.13.0+cpu.dist-info or numpy-2.4.6.egg-info, which
    takes a tenth of the time of importlib.metadata.
    """
    found = {}
    for place in reversed(sys.path):
        for folder in Path(place).glob("*-*.*-info"):
            name, version, *_ = folder.name.rpartition(".")[0].split("-")
            found[normalized_name(name)] = _public(normalized_name(name), version)
    return found


def _public(name: str, version: str) -> str:
    """The version without a local part such as +cpu; the library's own version stays whole."""
    return version if name == LIBRARY else version.partition("+")[0]


def normalized_name(name: str) -> str:
    """The package's name as PEP 503 normalises it. It has no dots; DVC splits keys at dots."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _problems(raw: Any, kind: Any, where: str) -> Iterator[str]:
    """Yields "key: problem" for each wrong, unknown or missing key of `raw`."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        if wanted := _wanted(raw, kind):
            yield f"{where}: wanted {wanted}, got {reprlib.repr(raw)}"
    elif not isinstance(raw, dict):
        yield f"{where or 'the file'}: wanted keys and values, got {reprlib.repr(raw)}"
    else:
        prefix = where and f"{where}."
        fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
        if kind.__struct_config__.forbid_unknown_fields:
            yield from (f"{prefix}{key}: unknown" for key in raw if key not in fields)
        for name, field in fields.items():
            if name in raw:
                yield from _problems(raw[name], field, f"{prefix}{name}")
            else:
                yield f"{prefix}{name}: missing"


def _wanted(raw: Any, kind: Any) -> str:
    """The wanted type or values, such as "float > 0.0"; empty if `raw` is valid."""
    metas = kind.__metadata__ if get_origin(kind) is Annotated else ()
    if names := [name for meta in metas for name in (meta.extra or {}).get("one of", ())]:
        return "" if raw in names else f"one of {', '.join(names)}"
    try:
        msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        return str(error).removeprefix("Expected ").partition(", got")[0].replace("`", "")
    return ""
