"""Markdown in which text from a branch is text and never markup, and a page made of it."""

import html
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

from plumbline.core.command import printable

LONGEST = 200
DATA = "data:image/png;base64,"
REFERENCES = re.compile("<code>([A-Za-z0-9 &#;]*)</code>")


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


def image(where: str, alt: str) -> str:
    """The picture at the path, address or `data:` address; alt: plain words."""
    return f"![{alt}]({quote(where, safe='/:;,+=')})"


def page(markdown: str) -> str:
    """The text of a report as one HTML file that loads nothing: pictures are in it as data.

    A link is text, but for the data of a picture, and so is HTML, but for the `code` above.
    """
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.inline.ruler.before("autolink", "references", _read_references)
    reader.validateLink = lambda url: url.startswith(DATA)  # type: ignore[method-assign]
    first = markdown.partition("\n")[0].lstrip("# ")
    body: str = reader.render(markdown)
    return HEAD.format(title=html.escape(first), css=CSS) + body


def _read_references(state: StateInline, silent: bool) -> bool:
    """Reads the code that `code` writes with references in place of some characters."""
    found = REFERENCES.match(state.src, state.pos)
    if not found:
        return False
    if not silent:
        state.push("code_inline", "code", 0).content = html.unescape(found[1])
    state.pos = found.end()
    return True


HEAD = """\
<!DOCTYPE html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" \
content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{css}</style>
"""

CSS = """\
:root { color-scheme: light dark; }
body { max-width: 75rem; margin: auto; padding: 0 1rem 2rem; font: 1rem/1.5 system-ui, sans-serif; }
h2 { line-height: 1.25; }
table { display: block; overflow-x: auto; border-collapse: collapse; }
th, td { padding: 0.2rem 0.7rem; border: 1px solid #8886; }
th { text-align: left; }
tr > :nth-child(n + 4) { white-space: nowrap; }
code { overflow-wrap: anywhere; font-size: 0.9em; }
table code { white-space: nowrap; }
img { display: block; max-width: 100%; background: white; }
table:has(img) { display: table; width: 100%; table-layout: fixed; }
table:has(img) :is(th, td) { padding: 0.3rem; border: 0; }
@media (max-width: 45rem) {
  th, td { padding: 0.1rem 0.4rem; font-size: 0.85rem; }
  table:has(img) :is(tbody, tr, td) { display: block; }
  table:has(img) thead { display: none; }
  td:has(img)::before { content: "before"; }
  td:has(img) + td:has(img)::before, td:has(img):last-child::before { content: "after"; }
}
"""
