"""Reads files up to a size limit, and CSV and YAML 1.2; writes files whole or not at all."""

import csv
import hashlib
import io
import json
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NewType, TypeVar

import yaml

from plumbline.core.errors import UserError

# Types in the signature of a stage's `main`: a path that it reads, and a path that it writes.
Input = NewType("Input", Path)
Output = NewType("Output", Path)

Row = TypeVar("Row", bound=tuple[Any, ...])


def read(path: Path, limit: int) -> bytes:
    """The bytes of `path`; UserError unless it is a regular file of at most `limit` bytes."""
    if not path.is_file():
        raise UserError(f"{path}: wanted a file, got {'a folder' if path.is_dir() else 'none'}")
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise UserError(f"{path}: wanted at most {limit:,} bytes, got more")
    return content


def digest(path: Path, name: str) -> str:
    """The hash of the file's bytes, in hexadecimal digits; name: md5 or sha256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, name).hexdigest()


def stamp(path: Path) -> tuple[int, int] | None:
    """Inode and modification time, which change if the file is replaced; None if it is missing."""
    if not path.is_file():
        return None
    stat = path.stat()
    return stat.st_ino, stat.st_mtime_ns


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path to write to; it is renamed to `path` if the block raises no error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    # A killed process may have left this file; if it were a link, writing would follow it.
    partial.unlink(missing_ok=True)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    print(f"wrote {path}")


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Writes one value on each line; the same values give the same bytes."""
    text = json.dumps(values, indent=2, allow_nan=False) + "\n"
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_csv(path: Path, names: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Writes each number as the shortest decimal that reads back as the same float."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([names, *rows])


def parse_csv(
    content: bytes, path: Path | str, headers: list[list[str]], row_of: Callable[..., Row]
) -> list[Row]:
    """The rows of a CSV file that has one of these headers; UserError names the first bad line.

    row_of: makes a row from the cells, which are keyword arguments named by column; ValueError if
    they are wrong. UserError also if the first column is not strictly ascending.
    """
    try:
        lines = csv.reader(io.StringIO(content.decode(), newline=""))
        header, *body = [*lines] or [[]]
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{path}: wanted a CSV file, got: {error}") from None
    if header not in headers:
        wanted = " or ".join(map(",".join, headers))
        raise UserError(f"{path}: wanted the columns {wanted}, got {reprlib.repr(header)}")
    rows = []
    for number, cells in enumerate(body, start=2):
        try:
            rows.append(row_of(**dict(zip(header, cells, strict=True))))
        except ValueError:
            raise UserError(
                f"{path}: line {number}: wanted finite numbers for {','.join(header)}, "
                f"got {reprlib.repr(cells)}"
            ) from None
    if any(later[0] <= row[0] for row, later in pairwise(rows)):
        raise UserError(f"{path}: wanted {header[0]} in strictly ascending order")
    return rows


class _Loader(yaml.SafeLoader):
    """PyYAML that reads scalars as YAML 1.2, as DVC does: 1e-3 is a number, 010 is ten."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        if len({(key.tag, str(key.value)) for key, _ in node.value}) < len(node.value):
            raise yaml.YAMLError(f"wanted each key once, got one twice{node.start_mark}")
        return node

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        text = str(node.value).replace("_", "")
        return int(text, 0 if text.lstrip("+-")[:2] in {"0b", "0o", "0x"} else 10)


class _PlainLoader(_Loader):
    """Refuses tags, which can change a value's type, and aliases, which can fill the memory."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None):
            raise yaml.YAMLError(f"wanted no alias and no tag, got one{event.start_mark}")
        return super().compose_node(parent, index)


# The scalars that ruamel.yaml recognises in YAML 1.2, except that a date stays text. So does an
# integer of more than 300 digits, because converting it is slow.
_Loader.yaml_implicit_resolvers = {}
for _tag, _first, _pattern in (
    ("bool", "tTfF", r"true|True|TRUE|false|False|FALSE"),
    ("merge", "<", "<<"),
    ("null", ["~", "n", "N", ""], r"~|null|Null|NULL|"),
    ("int", "-+0123456789",
     r"[-+]?(0b[01_]{1,300}|0o[0-7_]{1,300}|[0-9_]{1,300}|0x[0-9a-fA-F_]{1,300})"),
    ("float", "-+0123456789", r"[-+]?[0-9][0-9_]*(\.[0-9_]*([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)"),
    ("float", "-+.", r"[-+]?\.([0-9_]+([eE][-+][0-9]+)?|inf|Inf|INF)|\.(nan|NaN|NAN)"),
):  # fmt: skip
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), list(_first)
    )
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def parse_yaml(text: str | bytes, path: Path, aliases: bool = False) -> Any:
    """The content of a YAML 1.2 file; UserError names `path` if it is not YAML.

    aliases: True if the file may have aliases and the tags of YAML itself.
    """
    try:
        return (_Loader if aliases else _PlainLoader)(text).get_single_data()
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError) as error:
        raise UserError(f"{path}: {error}") from None
