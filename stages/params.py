"""`params.yaml`, read as DVC reads it: every key is checked by name, and none has a default."""

import re
import reprlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
import yaml
from msgspec import Meta

from stages.input import read

# Where DVC looks for parameters, relative to the folder that it runs a stage in.
PARAMS = Path("params.yaml")

# A key beside these is a typo: no stage reads it, so no stage would miss it.
SECTIONS = {"device", "generate", "split", "train", "plot"}

# What a file of parameters may be: a person writes it. It takes up to 1,000 times its size to read.
BYTES, DIGITS = 100_000, 300

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


class Loader(yaml.SafeLoader):
    """PyYAML with the scalars of YAML 1.2, which DVC reads: 1e-3 is a number, 010 is ten."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        # A tag makes a value something else than it looks like; aliases of aliases fill memory.
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None):
            raise yaml.YAMLError(f"wanted no alias and no tag, got one{event.start_mark}")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key, count in Counter(keys).items():
            if count > 1:
                raise yaml.constructor.ConstructorError(None, None, f"duplicate key {key!r}")
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        text = str(self.construct_scalar(node)).replace("_", "")
        if len(text) > DIGITS:
            raise ValueError(f"wanted numbers of at most {DIGITS} digits, got {len(text)}")
        return int(text, 0 if text.lstrip("+-")[:2] in {"0b", "0o", "0x"} else 10)


# The scalars of ruamel.yaml's YAML 1.2, in place of those of YAML 1.1.
Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(0b[01_]+|0o?[0-7_]+|[0-9_]+|0x[0-9a-fA-F_]+)", "-+0123456789"),
    ("float", r"[-+]?[0-9][0-9_]*(\.[0-9_]*([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)", "-+0123456789"),
    ("float", r"[-+]?\.([0-9_]+([eE][-+][0-9]+)?|inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
    ("merge", r"<<", "<"),
):
    Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), list(first)
    )
Loader.add_constructor("tag:yaml.org,2002:int", Loader.construct_yaml_int)


def load(kind: type[Struct]) -> Struct:
    """The parameters that `kind` names; ValueError lists every key that is wrong.

    A nested struct is a section: with `forbid_unknown_fields` the whole of it, else a part.
    """
    raw = parse(read(PARAMS, BYTES))
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


def parse(text: bytes) -> Any:
    """What YAML 1.2 takes `text` for; ValueError if it is no YAML."""
    try:
        return Loader(text).get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"{PARAMS}: {error}") from None


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
