"""YAML as DVC reads it: version 1.2, without what makes a value other than it looks."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

# The longest number: it takes a time that grows with the square of its digits to read.
DIGITS = 300


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


def parse(text: bytes, path: Path) -> Any:
    """What YAML 1.2 takes the text of a file for; ValueError if it is no YAML."""
    try:
        return Loader(text).get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from None
