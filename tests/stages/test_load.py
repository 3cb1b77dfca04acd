"""Tables load exactly, and the error for a bad one names the place."""

import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from plumbline.core.errors import UserError
from stages.load import Load, load


def load_text(text: str | bytes, target: str = "b", features: list[str] | None = None) -> list[str]:
    """The features; X and y are what numpy reads, by the assertion."""
    path = Path("table.csv")
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    X, y, info = load(path, Load(target=target, features=features))
    table = np.genfromtxt(path, delimiter=",", names=True, encoding="utf-8-sig", deletechars="")
    rows = np.atleast_1d(table)
    np.testing.assert_array_equal(X, np.column_stack([rows[f] for f in info.features]).astype("f4"))
    np.testing.assert_array_equal(y, rows[info.target][:, None].astype("f4"))
    assert (X.dtype, y.dtype, info.target, info.line) == (np.float32, np.float32, target, None)
    return info.features


@pytest.mark.parametrize(
    ("text", "features"),
    [
        ("a,b\n1,2\n3,4\n", ["a"]),
        ("b,a\n1,2\n3,4\n", ["a"]),
        ("a,c,b\n1.5,-2e-3,.5\n3,4,5\n", ["a", "c"]),
        (b"\xef\xbb\xbfa,b\n1,2\n", ["a"]),
        ("a,b\r\n1,2\r\n", ["a"]),
        ('"a","b"\n1,2\n', ["a"]),
        ("größe,b\n1,2\n", ["größe"]),
    ],
)
def test_all_columns_but_the_target_are_features_in_the_tables_order(
    folder: Path, text: str | bytes, features: list[str]
) -> None:
    assert load_text(text) == features


def test_the_features_have_the_order_of_the_parameter(folder: Path) -> None:
    assert load_text("a,c,d,b\n1,9,7,2\n3,4,8,5\n", features=["c", "a"]) == ["c", "a"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a,b\n1,2\n3,x\n", "column b, row 2 below the header: wanted a number, got 'x'"),
        (
            "a,b\n1,2020-01-01\n",
            "column b, row 1 below the header: wanted a number, got '2020-",
        ),
        ('a,b\n"1,5","2"\n', "column a, row 1 below the header: wanted a number, got '1,5'"),
        (
            "a,b\n1,2\n3,\n,4\n",
            "column a, row 3 below the header: wanted a number, got an empty cell",
        ),
        (
            "a,b\n1,NA\n3,nan\n",
            "column b, row 1 below the header: wanted a number, got an empty cell",
        ),
        ("a,b\n1,2\n3\n", "row 2 below the header: wanted 2 columns, got 1"),
        ("a,b\n1,2\n3,inf\n", "column b, row 2 below the header: wanted a finite float32, got inf"),
        (
            "a,b\n1,2\n-1e39,3\n",
            "column a, row 2 below the header: wanted a finite float32, got -1e+39",
        ),
        ("a;b\n1,5;2\n", "wanted commas between the columns, got semicolons"),
        ("a\tb\n1\t2\n", "wanted commas between the columns, got tabs"),
        ("a,a,b\n1,2,3\n", "wanted each column once, got a twice"),
        ("a,b\n", "wanted rows below the names of the columns, got none"),
        ("", "wanted a CSV or Parquet table, got no names of columns"),
        (b"a,b\n1,\xe9\n", "wanted a CSV table in UTF-8, or a Parquet table"),
        ("a,b\n1,2\n".encode("utf-16"), "wanted a CSV table in UTF-8, or a Parquet table"),
        (b"PAR1abcd", "wanted a CSV or Parquet table, got: "),
    ],
)
def test_the_error_for_a_bad_table_names_the_place(
    folder: Path, text: str | bytes, error: str
) -> None:
    with pytest.raises(UserError) as caught:
        load_text(text)
    assert str(caught.value).startswith(f"table.csv: {error}")


@pytest.mark.parametrize(
    ("target", "features", "error"),
    [
        (
            "bb",
            None,
            "load.target: wanted a column of table.csv ('age', 'b'), got 'bb'; the nearest",
        ),
        (
            "b",
            ["ag"],
            "load.features: wanted a column of table.csv ('age', 'b'), got 'ag'; the nearest",
        ),
        ("b", ["zzz"], "load.features: wanted a column of table.csv ('age', 'b'), got 'zzz'"),
        ("b", ["age", "b"], "load.features: wanted other columns than b, each once, got "),
        ("b", ["age", "age"], "load.features: wanted other columns than b, each once, got "),
        ("b", [], "load.features: wanted other columns than b, each once, got "),
    ],
)
def test_the_error_for_a_wrong_column_names_the_key(
    folder: Path, target: str, features: list[str] | None, error: str
) -> None:
    with pytest.raises(UserError) as caught:
        load_text("age,b\n1,2\n", target, features)
    assert str(caught.value).startswith(f"params.yaml: {error}")


def test_missing_values_are_counted(folder: Path) -> None:
    with pytest.raises(UserError, match="row 2 below .*; 2 of 4 are so"):
        load_text("a,b\n1,2\n,3\n4,5\nnan,6\n")


@pytest.mark.slow
def test_a_bad_value_beyond_the_first_block_has_its_row(folder: Path) -> None:
    text = "a,b\n" + "1,2\n" * 5_000_000 + "3,x\n"
    with pytest.raises(UserError, match="column b, row 5000001 below the header: wanted a number"):
        load_text(text)


@pytest.mark.parametrize("path", ["nothing", "."])
def test_a_missing_table_and_a_folder_are_refused(folder: Path, path: str) -> None:
    with pytest.raises(UserError, match="wanted a table, got "):
        load(Path(path), Load(target="b", features=None))


def load_parquet(**columns: list[object]) -> tuple[list[list[float]], list[list[float]]]:
    parquet.write_table(pa.table(columns), "table.parquet")
    X, y, _ = load(Path("table.parquet"), Load(target="b", features=None))
    return X.tolist(), y.tolist()


def test_integers_and_floats_of_parquet_are_loaded(folder: Path) -> None:
    assert load_parquet(c=[1, 2], b=[0.5, 2], a=[3, 4]) == ([[1, 3], [2, 4]], [[0.5], [2]])


@pytest.mark.parametrize(
    ("column", "error"),
    [
        (["x", "y"], "column a: wanted numbers, got string"),
        ([datetime.date(2020, 1, 1), None], "column a: wanted numbers, got date32"),
        ([True, False], "column a: wanted numbers, got bool"),
        (
            [1, None],
            "column a, row 2 below the header: wanted a number, got an empty cell",
        ),
        ([1.0, float("nan")], "column a, row 2 below the header: wanted a finite float32, got nan"),
    ],
)
def test_the_error_for_a_bad_column_of_parquet_names_it(
    folder: Path, column: list[object], error: str
) -> None:
    with pytest.raises(UserError) as caught:
        load_parquet(a=column, b=[1, 2])
    assert str(caught.value).startswith(f"table.parquet: {error}")
