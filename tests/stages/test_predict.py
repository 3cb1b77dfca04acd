"""New rows are predicted by the names of their columns, and their table is otherwise unchanged."""

import csv
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from plumbline.core.command import one_line
from plumbline.core.errors import UserError
from plumbline.inference.device import predict as predict_rows
from plumbline.inference.model import save_model
from plumbline.predictions import write_wider
from plumbline.table import BLOCK, open_table, read_rows
from stages import predict
from stages.model import MODELS
from tests.support.exercise import run_stage, write_params
from tests.support.models import make_with_info

CELL = "new: column x1, row "
pytestmark = pytest.mark.usefixtures("folder")


def make_model(name: str = "linear", features: int = 2) -> torch.nn.Module:
    """A model of x0, x1, ..., each trained on 0 to 1, and of y, whose median was 0.5."""
    torch.manual_seed(features)
    model, info = make_with_info(name, features, standardize=True)
    save_model(Path("model"), model, info)
    return model


def run(content: str | bytes) -> list[list[str]]:
    """The cells of the table with predictions; the model has the features x0 and x1."""
    make_model()
    Path("new").write_bytes(content.encode() if isinstance(content, str) else content)
    run_stage(predict, "new", "model", "out")
    with Path("out").open(encoding="latin-1", newline="") as file:
        return list(csv.reader(file))


def run_table(table: pa.Table, kind: str = "parquet") -> pa.Table:
    """As `run`, for the model that there is."""
    (arrow_csv.write_csv if kind == "csv" else parquet.write_table)(table, "new")
    run_stage(predict, "new", "model", "out")
    return (arrow_csv.read_csv if kind == "csv" else parquet.read_table)("out")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("name", MODELS)
def test_a_prediction_has_the_same_bits_in_any_table(name: str, kind: str) -> None:
    """By columns in another order, and behind so many rows that there are several blocks."""
    model = make_model(name, 10)
    X = torch.rand(89, 10)
    others = np.random.default_rng(0).random((BLOCK // 80, 10), np.float32)
    rows = np.concatenate([others, X.numpy()])
    table = pa.table({f"x{i}": rows[:, i] for i in reversed(range(10))})
    found = run_table(table, kind)
    assert found.column_names == [*table.column_names, "predicted_y"]
    predicted = found["predicted_y"].to_numpy().astype(np.float32)[-89:]
    np.testing.assert_array_equal(predicted, predict_rows(model, X)[:, 0].numpy())


def test_every_cell_of_csv_keeps_its_text() -> None:
    cells = ["NA", "", " a ", "007", "1e5", '5" pipe', "a,b", "a\nb", "NaN", "2024-01-02", "\xf6"]
    rows = [[f"+{i}.50", text, "1", text] for i, text in enumerate(cells)]
    rows = [["x1", "note", "x0", "note"], *rows]
    with Path("cells").open("w", encoding="latin-1", newline="") as file:
        csv.writer(file, lineterminator="\r\n").writerows(rows)
    assert [row[:-1] for row in run(Path("cells").read_bytes())] == rows


@pytest.mark.parametrize("above", ["# exported, twice\n", "\ufeff", "\ufeffsep=,\r\n", "\n\n"])
def test_what_stands_above_the_names_stays_there(above: str) -> None:
    run(f"{above}x0,x1\n1,2\n")
    assert Path("out").read_bytes().startswith(f"{above}x0,x1,predicted_y\n1,2,".encode())


def test_every_column_of_parquet_keeps_its_type_and_values() -> None:
    make_model()
    columns: dict[str, Any] = {"x1": [1, 2], "day": pa.array([1, None], pa.date32())}
    columns |= {"x0": [0.5, 1.0], "nested": [[1], []]}
    columns |= {"kind": pa.array(["a", "NA"]).dictionary_encode()}
    found = run_table(pa.table(columns))
    assert found.drop_columns("predicted_y").equals(parquet.read_table("new"))
    assert found["predicted_y"].type == pa.float32()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("x0,X1\n1,2\n", 'new has no column "x1", which the model needs; the most similar is "X1"'),
        ("x0,x1,x1\n1,2,3\n", 'new has 2 columns "x1", which the model needs; wanted one'),
        ("x0,x1,predicted_y\n1,2,3\n", "new: wanted no column predicted_y, got one; rename it"),
        ("x0,x1,y,residual\n1,2,3,4\n", "new: wanted no column residual, got one; rename it"),
        ("x0,x1\n1,2\n3,NA\n", f"{CELL}2 below the header: wanted a number, got an empty cell"),
        ("x0,x1\n1,2\n3,4-01-02\n", f"{CELL}2 below the header: wanted a number, got '4-01-02'"),
        ("x0,x1\n1,1e39\n", f"{CELL}1 below the header: wanted a finite float32, got 1e+39"),
        ("x0,x1\n1,2000000.1\n", f"{CELL}1 below the header: wanted a number that float32 can"),
        ("x0,x1\n1,2\n3\n", "new: row 2 below the header: wanted 2 columns, got 1"),
        ("x0,x1\n", "new: wanted rows below the names of the columns, got none"),
    ],
)
def test_a_table_that_cannot_be_predicted_is_refused_and_nothing_is_written(
    content: str, error: str
) -> None:
    with pytest.raises(UserError) as caught:
        run(content)
    assert str(caught.value).startswith(error)
    assert not [*Path().glob("out*")]


def test_a_prediction_that_is_not_finite_is_refused() -> None:
    predicted, gaps = np.array([np.nan, 1, np.inf], np.float32), np.array([True, False, False])
    with pytest.raises(UserError, match="^new: row 9 .* wanted a finite prediction, got inf$"):
        predict.check_finite(Path("new"), predicted, gaps, 7)


def test_the_table_itself_is_not_overwritten() -> None:
    make_model()
    Path("new").write_text("x0,x1\n1,2\n")
    with pytest.raises(UserError, match="^new: wanted another file than the table"):
        run_stage(predict, "new", "model", "new")


def test_an_error_of_the_thread_that_writes_is_raised() -> None:
    parquet.write_table(pa.table({"x0": [1.0]}), "new")
    table = open_table(Path("new"))
    ((cells, _),) = read_rows(table, {"x0": None})
    with (
        pytest.raises(ValueError, match="number of arrays"),
        write_wider(table, Path("out"), ["p"]) as write,
    ):
        write(cells, [])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_row_with_a_gap_gets_an_empty_prediction_if_params_yaml_says_so(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({"predict.gaps": "empty"})
    make_model()
    found = run_table(pa.table({"x0": [1.0, None, 1, 4], "x1": [2, 2, np.nan, 2]}), kind)
    assert found["predicted_y"].is_null().to_pylist() == [False, True, True, False]
    assert "predicted 2 of 4 rows; the others have gaps\n" in capsys.readouterr().out


def test_with_the_target_there_are_residuals_and_the_error_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names, *rows = run("x0,y,x1\n0,2,0\n1,NA,1\n1,5,0\n")
    assert names[3:] == ["predicted_y", "residual"]
    predicted, residual = (np.array([float(row[i] or "nan") for row in rows]) for i in (3, 4))
    np.testing.assert_allclose(residual, predicted - [2, np.nan, 5], rtol=1e-6)
    said = capsys.readouterr().out
    assert "no y, and so no residual: 1 rows\n" in said
    assert f"mae: {np.nanmean(np.abs(residual)):.6g} in 2 rows\n" in said
    assert "mae of always predicting 0.5, the training median: 3\n" in said


def test_rows_outside_of_the_training_range_are_counted_by_feature(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("x0,x1\n0,1\n-2,1.5\n3,0.5\n")
    assert capsys.readouterr().out.splitlines()[3:] == [
        "outside of the range that the model was trained on: 2 of 3 rows",
        "  2 of 3 rows: x0 -2 to 3, trained on 0 to 1",
        "  1 of 3 rows: x1 1.5, trained on 0 to 1",
    ]


def test_the_error_for_a_missing_model_says_what_brings_it() -> None:
    with pytest.raises(UserError, match="^model: wanted a model, got none; `make repro` trains it"):
        run_stage(predict, "new", "model", "out")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
numbers = st.floats(-1e6, 1e6, width=32).map(repr)
cells = st.one_of(*[numbers] * 9, st.sampled_from(["", "NA", "nan", "1e39", "x", " 7 "]))


@pytest.mark.slow
@settings(
    max_examples=int(os.environ.get("FUZZ", "100")),
    deadline=timedelta(seconds=10),  # a hang; the limit allows for a busy machine
    suppress_health_check=[*HealthCheck],
    derandomize="FUZZ" not in os.environ,
)
@given(st.data())
def test_any_table_is_refused_in_one_line_or_predicted_by_the_names_of_its_columns(
    data: st.DataObject,
) -> None:
    named = texts.filter(lambda name: name.strip(" ,\t\n\r\v\f"))  # else no line of names is seen
    names = data.draw(st.lists(named, min_size=1, max_size=5, unique=True))
    k = data.draw(st.integers(1, len(names)))
    header = data.draw(st.permutations(names + data.draw(st.lists(texts, max_size=1))))
    if data.draw(st.integers(0, 9)) == 0:
        header.remove(names[0])
    row = st.tuples(*(cells if name in names[:k] else texts for name in header))
    rows = data.draw(st.lists(row, min_size=1, max_size=4))
    write_params({"predict.gaps": data.draw(st.sampled_from([*predict.GAPS]))})
    torch.manual_seed(0)
    model, info = make_with_info(data.draw(st.sampled_from([*MODELS])), k, standardize=True)
    save_model(Path("model"), model, structs.replace(info, features=names[:k], target="?"))
    with Path("new").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    refused = ""
    try:
        run_stage(predict, "new", "model", "out")
    except (UserError, OSError) as error:
        refused = one_line(str(error))
    if refused:
        assert refused.isprintable()
        return
    with Path("out").open(encoding="utf-8", newline="") as file:
        (*_, new), *found = csv.reader(file)
    assert (new, [tuple(cells[: len(header)]) for cells in found]) == ("predicted_?", rows)
    chosen = [[cells[header.index(name)] for name in names[:k]] for cells in rows]
    gaps = [any(cell in ("", "NA", "nan") for cell in cells) for cells in chosen]
    X = [[0.0 if gap else float(c) for c in cells] for cells, gap in zip(chosen, gaps, strict=True)]
    expected = predict_rows(model, torch.tensor(X, dtype=torch.float32))[:, 0].tolist()
    for cells_, value, gap in zip(found, expected, gaps, strict=True):
        assert cells_[len(header)] == "" if gap else float(np.float32(cells_[-1])) == value
