"""Markdown in which text from a branch is text, and never markup."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from plumbline.core.command import printable

LONGEST = 200


def code(value: Any) -> str:
    """The value as code on one line, with no markup, link, mention or end of a table's cell."""
    text = printable(str(value))
    text = text if len(text) <= LONGEST else text[:LONGEST] + "..."
    if text and text.isascii() and not set(text) & set("`|\\"):
        return f"`{text}`"
    # Readers disagree on how to quote these in and out of tables, but not on references.
    return f"<code>{re.sub(r'[^A-Za-z0-9 ]', lambda c: f'&#{ord(c[0])};', text)}</code>"


def codes(values: Iterable[Any]) -> str:
    """The values as code, separated by commas."""
    return ", ".join(map(code, values))


def table(header: list[str], rows: Iterable[list[str]]) -> str:
    """A table; text from outside has to be `code` in its cells."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def image(where: str, alt: str, width: int) -> str:
    """The picture at the path or address, at most `width` pixels wide; alt: plain words."""
    return f'<img src="{quote(where, safe="/:")}" alt="{alt}" width="{width}">'
