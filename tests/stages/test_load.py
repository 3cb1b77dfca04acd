"""The chosen columns load exactly, and an error for a wrong choice names the key."""

from pathlib import Path

import numpy as np
import pytest

from plumbline.core.errors import UserError
from stages.load import Load, Name, load

pytestmark = pytest.mark.usefixtures("folder")


def load_text(text: str, target: Name = "b", features: list[Name] | None = None) -> list[str]:
    """The features; X and y are what numpy reads, by the assertion."""
    path = Path("table.csv")
    path.write_text(text)
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
        ("\ufeffa,b\r\n1,2\r\n", ["a"]),
        ('"größe","b"\n1,2\n', ["größe"]),
        ("NA,b\n1, 2 \n", ["NA"]),
    ],
)
def test_all_other_columns_are_features_in_their_order(text: str, features: list[str]) -> None:
    assert load_text(text) == features


def test_the_features_have_the_order_of_the_parameter() -> None:
    assert load_text("a,c,d,b\n1,9,7,2\n3,4,8,5\n", features=["c", "a"]) == ["c", "a"]


def test_an_index_is_left_out_unless_it_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert load_text("index,a,b\n1,1,2\n0,3,4\n") == ["a"]
    assert capsys.readouterr().out.startswith('target "b"; features "a"; left out: "index" (an ')
    assert load_text("index,b\n1,2\n0,4\n", features=["index"]) == ["index"]


@pytest.mark.parametrize(
    ("target", "features", "error"),
    [
        ("bb", None, 'target: wanted a column of table.csv ("age", "b"), got "bb"; the nearest is'),
        ("b", ["ag"], 'features: wanted a column of table.csv ("age", "b"), got "ag"; the nearest'),
        ("b", ["age", "b"], 'features: wanted other columns than "b", each once, got "age", "b"'),
        ("b", ["age", "age"], 'features: wanted other columns than "b", each once, got "age", "a'),
        ("b", [], 'features: wanted other columns than "b", each once, got none'),
        (2024, None, "target: wanted the name of a column, got 2024; if 2024 is its name, put it"),
        ([True], None, "target: wanted the name of a column, got [true]"),
    ],
)
def test_the_error_for_a_wrong_column_names_the_key(
    target: Name, features: list[Name] | None, error: str
) -> None:
    with pytest.raises(UserError) as caught:
        load_text("age,b\n1,2\n", target, features)
    assert str(caught.value).startswith(f"params.yaml: load.{error}")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a,a,b\n1,2,3\n", 'got "a", which 2 columns have'),
        ("a,b", "wanted rows below the names of the columns, got none"),
        ("a,b\n1,2\n,3\n4,5\nnan,6\n", "row 2 below .* got an empty cell, NA or nan; 2 of 4"),
    ],
)
def test_an_incomplete_table_is_refused(text: str, error: str) -> None:
    with pytest.raises(UserError, match=error):
        load_text(text)
