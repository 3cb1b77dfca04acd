"""Text from any source is shown literally, and pictures are compared by their pixels."""

import html
import re
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from plumbline.core.command import printable
from plumbline.review.page import DATA, LONGEST, code, differing_share, image, page, table


@pytest.mark.parametrize("character", list("`|\\\n\r\x1b\u202e\u2028"))
def test_code_contains_no_character_that_ends_the_code_or_the_line(character: str) -> None:
    assert character not in code(f"a{character}b").removeprefix("`").removesuffix("`")


@pytest.mark.slow
@given(st.text(max_size=LONGEST // 10))
def test_a_reader_sees_the_printable_form_of_the_text(text: str) -> None:
    shown = re.fullmatch(r"`([^`|\\]+)`|<code>([\w &#;]*)</code>", code(text), re.ASCII)
    assert shown
    assert html.unescape(shown[1] or shown[2] or "") == printable(text)


def test_a_long_text_is_cut() -> None:
    assert len(code("x" * 10**6)) < LONGEST + 10


def test_an_address_cannot_end_its_link() -> None:
    assert image('a) "<b', "before") == "![before](a%29%20%22%3Cb)"


@pytest.mark.slow
@given(st.text(max_size=LONGEST // 10))
def test_a_page_shows_code_as_the_printable_form_of_the_text(text: str) -> None:
    body = page(f"{code(text)}").partition("</style>\n")[2]
    assert re.fullmatch("<p><code>[^<>]*</code></p>\n", body)
    assert html.unescape(body[9:-12]) == printable(text)


def test_a_page_contains_its_pictures_and_loads_nothing() -> None:
    assert f'<img src="{DATA}YQ+/="' in page(image(DATA + "YQ+/=", "before"))
    for other in ("https://x/y.png", "y.png", "data:text/html;base64,YQ==", "javascript:x"):
        assert "<img" not in page(image(other, "before"))
        assert "<a " not in page(f"[text]({other}) <{other}>")
    assert "default-src 'none'" in page("")


@pytest.mark.parametrize("text", ["<script>x</script>", "<code><b></code>", "<img src=x>"])
def test_html_is_text_on_a_page(text: str) -> None:
    assert f"<p>{html.escape(text)}</p>" in page(text)
    assert f"<title>{html.escape(text)}</title>" in page(text)


def test_a_table_has_one_line_per_row() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def png(colour: str, size: tuple[int, int] = (10, 10), **options: int) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, format="png", **options)
    return file.getvalue()


def test_the_same_pixels_in_other_bytes_do_not_differ() -> None:
    assert png("red", compress_level=0) != png("red")
    assert differing_share(png("red", compress_level=0), png("red")) == 0


def test_one_changed_pixel_in_a_hundred_is_one_percent() -> None:
    with Image.open(BytesIO(png("red"))) as image:
        image.putpixel((3, 4), (0, 0, 0))
        file = BytesIO()
        image.save(file, format="png")
    assert differing_share(png("red"), file.getvalue()) == 0.01


def test_a_different_size_or_an_unreadable_picture_differs_completely() -> None:
    for other in (png("red", (10, 9)), b"", b"\x89PNG\r\n\x1a\nno", png("red")[:40]):
        assert differing_share(png("red"), other) == 1
