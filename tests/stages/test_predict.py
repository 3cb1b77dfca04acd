"""Features are found by their names, and each cell of the table is kept beside the predictions."""

import csv
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from plumbline.core.errors import UserError
from plumbline.inference.device import predict as predict_rows
from plumbline.inference.model import save_model
from plumbline.predictions import write_table
from plumbline.predictor import Predictor
from plumbline.table import BLOCK, open_table, read_rows
from stages import predict
from stages.model import MODELS
from tests.support.exercise import run_stage, write_params
from tests.support.models import make_model_with_info

Capture = pytest.CaptureFixture[str]
CELL = "new: column x1, row "
pytestmark = pytest.mark.usefixtures("folder")


def make_model(name: str = "linear", features: int = 2) -> torch.nn.Module:
    """Saves a model: features x0, x1, ..., 0 to 1 in training; target y, training median 0.5."""
    torch.manual_seed(features)
    model, info = make_model_with_info(name, features, standardize=True)
    save_model(Path("model"), model, info)
    return model


def run(content: str | bytes) -> list[list[str]]:
    """Predicts this CSV table with a model of x0 and x1; returns the cells of the new table."""
    make_model()
    Path("new").write_bytes(content.encode() if isinstance(content, str) else content)
    run_stage(predict, "new", "model", "out")
    with Path("out").open(encoding="latin-1", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_prediction_has_the_same_bits_in_csv_parquet_and_an_exported_program(
    name: str, capsys: Capture
) -> None:
    """The columns are in reverse order, and the CSV has rows for three blocks."""
    model, X = make_model(name, 10), torch.rand(BLOCK // 40, 10)
    X[0, 0] = 2
    last, wanted = X[-89:], predict_rows(model, X[-89:])
    table = pa.table({f"x{i}": X[:, i].numpy() for i in reversed(range(10))})
    csv_pair = arrow_csv.write_csv, arrow_csv.read_csv
    for write, read in csv_pair, (parquet.write_table, parquet.read_table):
        write(table, "new")
        run_stage(predict, "new", "model", "out")
        found = read("out")
        assert found.column_names == [*table.column_names, "predicted_y"]
        predicted = found["predicted_y"].to_numpy()[-89:].astype(np.float32)
        np.testing.assert_array_equal(predicted, wanted[:, 0].numpy())
        assert f"  1 of {len(X):,} rows: x0 is 2, trained on 0 to 1\n" in capsys.readouterr().out
    Predictor("model", MODELS).export("program")
    program = torch.export.load("program").module()
    for n in (1, 30, 31, 83):  # without padding, Linear and MLP give other bits for some n
        assert torch.equal(program(last[:n]), wanted[:n])


texts = st.text(st.characters(max_codepoint=255, exclude_characters="\0"), max_size=6)


@given(st.lists(st.tuples(texts, texts), min_size=9, max_size=20))
@settings(max_examples=int(os.environ.get("FUZZ", "5")), suppress_health_check=[*HealthCheck])
def test_every_cell_of_csv_keeps_its_text(pairs: list[tuple[str, str]]) -> None:
    rows = [[first, "1", " 1e-1 ", second] for first, second in [*pairs, ("NA", "007")]]
    rows = [["note", "x1", "x0", "note"], *rows]
    with Path("cells").open("w", encoding="latin-1", newline="") as file:
        csv.writer(file).writerows(rows)
    assert [row[:-1] for row in run(Path("cells").read_bytes())] == rows


@pytest.mark.parametrize("above", ["# exported, twice\n\n", "\ufeffsep=,\r\n"])
def test_lines_above_the_header_are_kept(above: str) -> None:
    run(f"{above}x0,x1\n1,2\n")
    assert Path("out").read_bytes().startswith(f"{above}x0,x1,predicted_y\n1,2,".encode())


def test_each_parquet_column_is_kept_and_a_row_with_a_gap_gets_an_empty_prediction(
    capsys: Capture,
) -> None:
    write_params({"predict.gaps": "empty"})
    make_model()
    columns = {"x1": [1, 2, None], "day": pa.array([1, None, 2], pa.date32())}
    columns |= {"list": [[1], [], []], "kind": pa.array(["a", "NA", "a"]).dictionary_encode()}
    parquet.write_table(pa.table(columns | {"x0": [0.5, None, 1.0]}), "new")
    run_stage(predict, "new", "model", "out")
    found = parquet.read_table("out")
    assert found.drop_columns("predicted_y").equals(parquet.read_table("new"))
    assert found["predicted_y"].is_null().to_pylist() == [False, True, True]
    assert "predicted 1 of 3 rows; the others have gaps\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("x0,X1\n1,2\n", 'new has no column "x1", which the model needs; the most similar is "X1"'),
        ("x0,x1,y,residual\n1,2,3,4\n", "new: wanted no column residual, got one; rename it"),
        ("x0,x1\n1,2\n3,NA\n", f"{CELL}2 below the header: wanted a number, got an empty cell"),
        ("x0,x1\n1,2000000.1\n", f"{CELL}1 below the header: wanted a number that float32 can"),
        ("x0,x1\n", "new: wanted rows below the names of the columns, got none"),
    ],
)
def test_an_invalid_table_is_refused_and_no_file_is_written(content: str, error: str) -> None:
    with pytest.raises(UserError) as caught:
        run(content)
    assert str(caught.value).startswith(error)
    assert not [*Path().glob("out*")]


def test_a_prediction_that_is_not_finite_is_refused() -> None:
    predicted, gaps = np.array([np.nan, 1, np.inf], np.float32), np.array([True, False, False])
    with pytest.raises(UserError, match="^new: row 9 .* wanted a finite prediction, got inf$"):
        predict.check_finite(Path("new"), predicted, gaps, 7)


def test_the_table_itself_is_not_overwritten() -> None:
    run("x0,x1\n1,2\n")
    with pytest.raises(UserError, match="^new: wanted a file other than the table"):
        run_stage(predict, "new", "model", "new")


def test_an_error_in_the_writing_thread_is_raised() -> None:
    parquet.write_table(pa.table({"x0": [1.0]}), "new")
    table = open_table(Path("new"))
    ((cells, _),) = read_rows(table, {"x0": None})
    with pytest.raises(ValueError, match="number"), write_table(table, Path("out"), ["p"]) as write:
        write(cells, [])


def test_a_table_with_the_target_gets_residuals_and_its_mae_is_printed(capsys: Capture) -> None:
    write_params({"predict.gaps": "empty"})
    names, *rows = run("x0,y,x1\n0,2,0\n1,NA,1\n1,16777217,0\n,3,0\n")
    assert names[3:] == ["predicted_y", "residual"]
    predicted, residual = (np.array([float(row[i] or "nan") for row in rows]) for i in (3, 4))
    np.testing.assert_allclose(residual, predicted - [2, np.nan, 16777217, 3], rtol=1e-6)
    *_, missing, mae, baseline = capsys.readouterr().out.splitlines()
    assert missing == "rows without y, so without a residual: 1"
    assert mae == f"mae: {np.nanmean(np.abs(residual)):.6g} in 2 rows"
    assert baseline == "mae of always predicting 0.5, the training median: 8.38861e+06"


def test_rows_outside_of_the_training_range_are_counted_for_each_feature(capsys: Capture) -> None:
    run("x0,x1\n0,1\n-2,1.5\n3,0.5\n")
    assert capsys.readouterr().out.splitlines()[3:] == [
        "outside of the range that the model was trained on: 2 of 3 rows",
        "  2 of 3 rows: x0 is -2 to 3, trained on 0 to 1",
        "  1 of 3 rows: x1 is 1.5, trained on 0 to 1",
    ]


def test_the_error_for_a_missing_model_names_the_command_that_trains_it() -> None:
    with pytest.raises(UserError, match="^model: wanted a model, got none; `make repro` trains it"):
        run_stage(predict, "new", "model", "out")
