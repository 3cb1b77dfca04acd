"""CSV and Parquet tables are read, and the error for a bad one says what is wrong and where."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from plumbline.column import Column
from plumbline.core.errors import UserError
from plumbline.table import find_index, open_table, read_rows

OTHER = "wanted CSV or Parquet, got"
CODE = "import pandas; pandas.read_csv('table', sep=';', decimal=',', skiprows=1).to_csv("
pytestmark = pytest.mark.usefixtures("folder")


def read(content: str | bytes | dict[str, Any], *columns: str) -> list[list[float]]:
    """The numbers in `columns`, by row. content: a CSV table, or the columns of a Parquet table."""
    path = Path("table")
    if isinstance(content, dict):
        parquet.write_table(pa.table(content), path)
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    rows = read_rows(open_table(path), dict.fromkeys(columns))
    return np.concatenate([numbers for _, numbers in rows]).tolist()


@pytest.mark.parametrize(
    ("text", "a"),
    [
        ("\n \n,,\na,b,,\n1,2,,\n", "a"),
        ("# exported in 2024, twice\na,b,c\n1,2,x\n", "a"),
        ("# a,b\n1,2\n", "# a"),
        ("\ufeffsep=,\r\na,b\r\n\r\n1,2\r\n", "a"),
        ('"a\n\n(years)",b\n1,2\n', "a\n\n(years)"),
        ("a,b,c\r1,2,größe".encode("latin-1"), "a"),
    ],
)
def test_lines_above_the_header_and_unused_columns_are_ignored(text: str | bytes, a: str) -> None:
    assert read(text, "b", a) == [[2, 1]]


def test_a_comment_directly_above_numbers_has_the_names_even_if_a_number_is_nan() -> None:
    Path("table").write_text("# a,b\nnan,-inf\n")
    assert open_table(Path("table")).names == ["# a", "b"]


def test_integers_booleans_and_decimals_are_read_as_numbers() -> None:
    assert read("a,b\n False ,1\ntrue,2.5\n", "a", "b") == [[0, 1], [1, 2.5]]
    columns = {"a": [3, 4], "b": [True, False], "c": [Decimal("0.25"), Decimal(-2)]}
    assert read(columns, *"cab") == [[0.25, 3, 1], [-2, 4, 0]]


@pytest.mark.parametrize("content", ["a,b\n NA ,1\n,1\nnan,1\n2,1\n", {"a": [None, np.nan, 2]}])
def test_a_gap_is_nan(content: str | dict[str, Any]) -> None:
    *gaps, last = np.array(read(content, "a"))
    assert np.isnan(gaps).all()
    assert last == 2


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("a,b\n1,2\n3,x\n", "column b, row 2 below the header: wanted a number, got 'x'; docs/"),
        (b"a,b\n,\n1,\xe9\n", r"column b, row 2 below the header: wanted a number, got '\\xe9'"),
        ("a,b\n1,true\n3,4\n", "column b, row 2 below the header: wanted true or false, got '4'"),
        ("a,b\n1,\n3,2\n3,True", "column b, row 3 below the header: wanted a number, got 'True'"),
        (b"#\n\na,b\n\n1,2\n\xff\n", "row 2 below the header: wanted 2 columns, got 1"),
        ("a,b\n1,2\n3,4,5\n", "row 2 below the header: wanted 2 columns, got 3"),
        ("a,b\n1,2\n3,inf\n", "column b, row 2 below the header: wanted a finite float32, got inf"),
        ("a,b\n-1e39,3\n", "column a, row 1 below the header: wanted a finite float32, got -1e+39"),
        ("sep=;\na;b\n", f'{OTHER} semicolons between the columns; convert it: python -c "{CODE}'),
        ("a\tb\n1\t2\n", f"{OTHER} tabs between the columns; convert it: python -c "),
        ("", "wanted a CSV or Parquet table, got no column names"),
        ("größe,b\n".encode("latin-1"), f"{OTHER} text in an encoding such as Latin-1"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), f"{OTHER} a gzip file; convert it"),
        (b"\x80\x05\0", "wanted a CSV or Parquet table, got a binary file"),
        (b"PAR1abcd", "wanted a CSV or Parquet table, got: "),
        ({"a": ["x"], "b": [1]}, "column a: wanted numbers, got string; docs/your-own.md"),
    ],
)
def test_the_error_for_a_bad_table_says_what_is_wrong_and_where(content: Any, error: str) -> None:
    with pytest.raises(UserError) as caught:
        read(content, "a", "b")
    assert str(caught.value).startswith(f"table: {error}")


@pytest.mark.parametrize("row", ["3,x", "3"])
def test_the_error_for_a_row_after_the_first_block_names_the_row(row: str) -> None:
    with pytest.raises(UserError, match="row 300001 below the header: wanted (a number|2 columns)"):
        read("a,b\n" + "1.000000000000,1\n" * 300_000 + row, "a", "b")


def test_a_column_remembers_its_earlier_blocks() -> None:
    column, out = Column("c"), np.empty(1, np.float32)
    for row, cell in enumerate(["1700000001", "1700000000"], start=1):
        column.convert(pa.array([cell]), row, out)
    with pytest.raises(UserError, match="^c, row 1 .* got 1700000001, which becomes 1700000000"):
        column.check_precision()
    with pytest.raises(UserError, match="^c, row 3 .* wanted a number, got 'true'"):
        column.convert(pa.array(["true"]), 3, out)


def test_a_feature_that_was_constant_in_training_may_have_any_value() -> None:
    column = Column("c", trained=(0.1, 0.1))
    column.convert(pa.array(["0.2"]), 1, np.empty(1, np.float32))
    column.check_precision()


@pytest.mark.parametrize(
    "error",
    [".: wanted a table, got a folder", "link: .* a link to gone", "x: no such file; `dvc pull x`"],
)
def test_a_path_that_is_not_a_file_is_refused(error: str) -> None:
    Path("link").symlink_to("gone")
    Path("x.dvc").touch()
    with pytest.raises(UserError, match=f"^{error}"):
        open_table(Path(error.partition(":")[0]))


@pytest.mark.parametrize(
    ("first", "step", "error"),
    [
        ("1700000000.5", "0.25", "row .*, got 1700000030.25, which becomes 1700000000; subtract"),
        (f"{2**60}", "1", f": .*, got {2**60} and {2**60 + 1}; subtract"),
        ("0", "1e-50", "row .*, got .*, which becomes 0; multiply"),
        ("1000000", "1", ""),
        ("0.123456789012", "0.000345678901", ""),
        ("0.1", "0.0", ""),
        (f"{2**53 + 1}", "0", ""),
    ],
)
def test_a_column_that_float32_cannot_hold_is_refused(first: str, step: str, error: str) -> None:
    numbers = [Decimal(first) + i * Decimal(step) for i in range(120)]
    kind = Decimal if "." in step else float if "e" in step else int
    for content in "\n".join(["a", *map(str, numbers)]), {"a": [kind(n) for n in numbers]}:
        if error:
            with pytest.raises(UserError, match=f"column a.*{error}"):
                read(content, "a")
        else:
            assert read(content, "a") == [[np.float32(n)] for n in numbers]


@pytest.mark.parametrize(
    ("header", "index"),
    [
        (",Unnamed: 0.1,a", ["", "Unnamed: 0.1"]),
        ("level_0,level_1,a", ["level_0", "level_1"]),
        ("a,level_1,index", ["index"]),
    ],
)
def test_an_index_column_that_pandas_named_is_recognised(header: str, index: list[str]) -> None:
    Path("table").write_text(f"{header}\n2,2,1\n2,2,2\n2,2,0\n")
    assert find_index(open_table(Path("table"))) == index


def test_an_index_that_parquet_records_is_recognised() -> None:
    noted = {"pandas": json.dumps({"index_columns": ["b", {"kind": "range", "name": "c"}]})}
    table = pa.table({"a": [1], "b": [1], "__index_level_0__": [1]}).replace_schema_metadata(noted)
    parquet.write_table(table, "table")
    assert find_index(open_table(Path("table"))) == ["b", "__index_level_0__"]
