"""Text from any source is shown literally, and pictures are compared by their pixels."""

import html
import re
from io import BytesIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from plumbline.core.command import printable
from plumbline.review.page import DATA, LONGEST, code, differing_fraction, image, page


@example(" a ")
@given(st.text(st.sampled_from("`|\\\n\r\x1b\u202e\u2028<&a ") | st.characters(), max_size=20))
def test_the_markdown_and_the_page_show_the_printable_form_of_any_text(text: str) -> None:
    shown = re.fullmatch(r"`([^`|\\]+)`|<code>([\w &#;]*)</code>", code(text), re.ASCII)
    assert shown
    assert html.unescape(shown[1] or shown[2] or "") == printable(text)
    body = page(code(text)).partition("</style>\n")[2]
    assert re.fullmatch("<p><code>[^<>]*</code></p>\n", body)
    assert html.unescape(body[9:-12]) == printable(text)


def test_a_page_contains_its_pictures_and_loads_nothing() -> None:
    assert f'<img src="{DATA}YQ+/="' in page(image(DATA + "YQ+/=", "before"))
    for other in ("https://x/y.png", "y.png", "data:text/html;base64,YQ==", "javascript:x"):
        assert "<img" not in page(image(other, "before"))
        assert "<a " not in page(f"[text]({other}) <{other}>")
    assert "default-src 'none'" in page("")
    assert len(code("x" * 10**6)) < LONGEST + 10


@pytest.mark.parametrize("text", ["<script>x</script>", "<code><b></code>"])
def test_a_page_shows_html_as_text(text: str) -> None:
    assert f"<p>{html.escape(text)}</p>" in page(text)
    assert f"<title>{html.escape(text)}</title>" in page(text)


def png(
    painted: int = 0, size: tuple[int, int] = (10, 10), kind: str = "png", **options: int
) -> bytes:
    """A red picture with `painted` black pixels."""
    picture, file = Image.new("RGB", size, "red"), BytesIO()
    for x in range(painted):
        picture.putpixel((x, 4), (0, 0, 0))
    picture.save(file, format=kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("other", "fraction"),
    [
        (png(compress_level=0), 0),
        (png(painted=1), 0.01),
        (png(size=(10, 9)), 1),
        (b"\x89PNG\r\n\x1a\nno", 1),
        (png()[:40], 1),
        (png(kind="gif"), 1),
    ],
    ids=["different bytes", "one pixel", "different size", "no picture", "half a file", "no PNG"],
)
def test_pictures_are_compared_by_their_pixels(other: bytes, fraction: float) -> None:
    assert other != png()
    assert differing_fraction(png(), other) == fraction
