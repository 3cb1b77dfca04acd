"""Markdown in which text from anywhere is text, whatever it would be to a Markdown reader."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from plumbline.review.arguments import printable

LONGEST = 200


def code(value: Any) -> str:
    """The value as code on one line: no markup, no link, no mention, no end of a table's cell."""
    text = printable(str(value))
    text = text if len(text) <= LONGEST else text[:LONGEST] + "..."
    if text and text.isascii() and not set(text) & set("`|\\"):
        return f"`{text}`"
    # No quoting of these is read alike inside and outside of tables; character references are.
    return f"<code>{re.sub(r'[^A-Za-z0-9 ]', lambda c: f'&#{ord(c[0])};', text)}</code>"


def codes(values: Iterable[Any]) -> str:
    return ", ".join(map(code, values))


def table(header: list[str], rows: Iterable[list[str]]) -> str:
    """A table; what comes from outside is in its cells as `code`."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def image(where: str, width: int) -> str:
    """The picture at the path or address."""
    return f'<img src="{quote(where, safe="/:")}" width="{width}">'
