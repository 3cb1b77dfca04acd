"""Escapes text from a branch for Markdown, turns a report into HTML, and compares pictures."""

import html
import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from numpy.typing import NDArray
from PIL import Image

from plumbline.core.command import printable
from plumbline.lint.declared import entries
from plumbline.review.git import Checkout

LONGEST = 200
DATA = "data:image/png;base64,"
REFERENCES = re.compile("<code>([A-Za-z0-9 &#;]*)</code>")


def code(value: Any) -> str:
    """The value as code on one line; it never becomes markup, a link, a mention or a new cell."""
    text = printable(str(value))
    text = text if len(text) <= LONGEST else text[:LONGEST] + "..."
    # Markdown drops a space at both ends of code in backquotes.
    if text.strip() == text != "" and text.isascii() and not set(text) & set("`|\\"):
        return f"`{text}`"
    # Renderers differ in how they unescape ` | \ in tables, but all read character references.
    return f"<code>{re.sub(r'[^A-Za-z0-9 ]', lambda c: f'&#{ord(c[0])};', text)}</code>"


def table(header: list[str], rows: Iterable[list[str]]) -> str:
    """A Markdown table; the caller has to pass text from a branch through `code`."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def image(where: str, alt: str) -> str:
    """Markdown for the picture at `where`: a path, a URL or a `data:` URL; alt: plain words."""
    return f"![{alt}]({quote(where, safe='/:;,+=')})"


def page(markdown: str) -> str:
    """The report as one HTML file that loads nothing, because it contains its pictures as data.

    Links become text, except `data:` pictures; HTML becomes text, except what `code` wrote.
    """
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.inline.ruler.before("autolink", "references", _read_references)
    reader.validateLink = lambda url: url.startswith(DATA)  # type: ignore[method-assign]
    first = markdown.partition("\n")[0].lstrip("# ")
    body: str = reader.render(markdown)
    return HEAD.format(title=html.escape(first), css=CSS) + body


def _read_references(state: StateInline, silent: bool) -> bool:
    """Parses the <code> element that `code` writes with character references."""
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


class Picture(NamedTuple):
    """A changed picture: the fraction of pixels that differ, and both files; None for no file."""

    path: str
    fraction: float
    before: bytes | None
    after: bytes | None


# Returns the address of a picture from its path, its side (before or after) and its content.
Address = Callable[[str, str, bytes], str]


def changed_pictures(checkout: Checkout, base: str) -> list[Picture]:
    """The PNG plots in git that are new, are removed or differ in a pixel, sorted by path."""
    commits = base, checkout.head
    drawn = [entries(checkout.stages("dvc.yaml", commit), "plots") for commit in commits]
    pictures = []
    for path in sorted(path for path in drawn[0] | drawn[1] if path.endswith(".png")):
        before, after = (checkout.read(commit, path) for commit in commits)
        fraction = differing_fraction(before or b"", after or b"")
        pictures.append(Picture(path, fraction, before, after))
    return [picture for picture in pictures if picture.fraction]


def data_url(_path: str, _side: str, content: bytes) -> str:
    """A `data:` URL that contains the picture."""
    return DATA + b64encode(content).decode()


def differing_fraction(old: bytes, new: bytes) -> float:
    """The fraction of pixels that differ in any channel; 1 for unequal sizes or unreadable files.

    Equal pixels give 0 even if the bytes differ, because libraries compress differently.
    """
    if old == new:
        return 0.0
    before, after = _pixels(old), _pixels(new)
    if before is None or after is None or before.shape != after.shape:
        return 1.0
    return float((before != after).any(axis=-1).mean())


def _pixels(content: bytes) -> NDArray[np.uint8] | None:
    """The RGBA pixels, (height, width, 4); None if it is not a picture or is too large."""
    try:
        with Image.open(BytesIO(content), formats=["PNG"]) as image:
            return np.asarray(image.convert("RGBA"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
