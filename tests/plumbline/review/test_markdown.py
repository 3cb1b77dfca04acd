"""Text from any source is shown literally."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.core.command import printable
from plumbline.review.markdown import LONGEST, code, image, table


@pytest.mark.parametrize("character", list("`|\\\n\r\x1b\u202e\u2028"))
def test_code_contains_no_character_that_ends_the_code_or_the_line(character: str) -> None:
    assert character not in code(f"a{character}b").removeprefix("`").removesuffix("`")


@given(st.text(max_size=LONGEST // 10))
def test_a_reader_sees_the_printable_form_of_the_text(text: str) -> None:
    shown = re.fullmatch(r"`([^`|\\]+)`|<code>([\w &#;]*)</code>", code(text), re.ASCII)
    assert shown
    assert html.unescape(shown[1] or shown[2] or "") == printable(text)


def test_a_long_text_is_cut() -> None:
    assert len(code("x" * 10**6)) < LONGEST + 10


def test_an_address_cannot_end_its_attribute() -> None:
    assert image('a" onerror="x', "b", 1) == '<img src="a%22%20onerror%3D%22x" alt="b" width="1">'


def test_a_table_has_one_line_per_row() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
