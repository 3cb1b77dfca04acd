"""The chosen columns are loaded exactly, and the error for a wrong choice names the key."""

from pathlib import Path

import numpy as np
import pytest

from plumbline.core.errors import UserError
from stages.load import Load, Name, load

pytestmark = pytest.mark.usefixtures("folder")


def load_text(text: str, target: Name = "b", features: list[Name] | None = None) -> list[str]:
    """Loads a CSV table; checks X and y against NumPy, and returns the names of the features."""
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
    ("text", "chosen", "features"),
    [
        ('\ufeff"größe",c,b\r\n1.5, -2e-3 ,.5\r\n3,4,5\r\n', None, ["größe", "c"]),
        ("a,c,d,b\n1,9,7,2\n3,4,8,5\n", ["c", "a"], ["c", "a"]),
        ("index,a,b\n1,1,2\n0,3,4\n", None, ["a"]),
        ("index,b\n1,2\n0,4\n", ["index"], ["index"]),
    ],
)
def test_features_are_those_chosen_or_else_all_columns_but_the_target_and_an_index(
    text: str, chosen: list[Name] | None, features: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert load_text(text, features=chosen) == features
    left_out = '; left out: "index" (an ' in capsys.readouterr().out
    assert left_out == ("index" in text and not chosen)


def test_rows_of_several_blocks_keep_their_order() -> None:
    load_text("a,b\n" + "".join(f"{i}.{'0' * 200},{-i}\n" for i in range(25_000)))


@pytest.mark.parametrize(
    ("target", "features", "error"),
    [
        ("bb", None, 'load.target: table.csv has no column "bb"; the most similar is "b"'),
        ("xyz", None, 'load.target: table.csv has no column "xyz"; it has "age", "b"'),
        ("b", ["c"], 'load.features: table.csv has 2 columns "c"; wanted one'),
        ("b", ["age", "b"], 'load.features: wanted columns other than "b", each once, got "age"'),
        ("b", ["age", "age"], 'load.features: wanted columns other than "b", each once, got "age'),
        ("b", [], 'load.features: wanted columns other than "b", each once, got none'),
        (2024, None, "load.target: wanted the name of a column, got 2024; if 2024 is its name, "),
    ],
)
def test_a_wrong_column_is_refused(target: Name, features: list[Name] | None, error: str) -> None:
    with pytest.raises(UserError, match=rf"^params\.yaml: {error}"):
        load_text("age,b,c,c\n1,2,3,4\n", target, features)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("index,a,b", "wanted rows below the names of the columns, got none"),
        ("a,b\n1,2\n,3\n4,5\nnan,6\n", "row 2 below .* got an empty cell, NA or nan; 2 of 4"),
    ],
)
def test_an_incomplete_table_is_refused(text: str, error: str) -> None:
    with pytest.raises(UserError, match=error):
        load_text(text)
