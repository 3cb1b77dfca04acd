"""Every block of code in docs/using-the-model.md works with a trained model."""

import re
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.lint import declared, problems
from plumbline.predictor import Predictor
from stages import generate, predict, split, train
from stages.model import MODELS
from tests.support.clone import Clone
from tests.support.exercise import ROOT, run_stage, write_params

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "using-the-model.md").read_text(encoding="utf-8")
LOAD, EXPORT, ELSEWHERE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
TABLE, PRINTED = (
    re.sub(r"(?m)^ {4}", "", re.findall(rf"{words}\n\n((?: {{4}}.*\n)+)", PAGE)[0])
    for words in ("For this table", "it prints")
)
MODEL = "models/model.safetensors"


@pytest.fixture(scope="module", autouse=True)
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The tests' working folder, with a trained model and the page's table, new.csv."""
    with chdir(tmp_path_factory.mktemp("results")):
        write_params({"train.standardize": True, "train.lr": 0.1})
        run_stage(generate, "samples")
        run_stage(split, "samples", "train", "test")
        run_stage(train, "train", "test", MODEL, "models/predictions.safetensors", "history")
        Path("new.csv").write_text(TABLE)
        yield


def run(block: str) -> Any:
    """Runs a block of code, and returns its variable `predicted`."""
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102
    return names.get("predicted")


def test_the_stage_prints_what_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    run_stage(predict, "new.csv", MODEL, "new.predictions.csv")
    assert capsys.readouterr().out == PRINTED


def test_lint_accepts_the_stage_entry_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (entry,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert [*problems.static_problems(declared.parse(ROOT, f"stages:\n{entry}")["predict"])] == []


def test_three_lines_of_code_predict_from_named_columns_or_from_an_array() -> None:
    line = tensors.load_info(Path(MODEL), tensors.ModelInfo).coefficients
    assert line
    np.testing.assert_allclose(run(LOAD), np.array([0.5, 0.7]) * line.weights + line.bias, 1e-6)
    X, *_ = tensors.load_samples(Path("test"))
    predictor = Predictor(MODEL, MODELS)
    torch.set_num_threads(3)
    _, saved = tensors.load_predictions(Path("models/predictions.safetensors"), 80, 20)
    for table in X, {"other": ["a"] * 20, "X": X[:, 0]}:
        assert predictor.predict(table).tobytes() == saved.tobytes()
    assert torch.get_num_threads() == 3
    torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ({"x": [1]}, 'the table has no column "X", which the model needs; the most similar is "x"'),
        ({"X": ["a"]}, "column X: wanted numbers, got: "),
        ({"X": [1, 1e39]}, "column X, row 1 (counted from 0): wanted a finite float32, got 1e"),
        ([[1, 2]], "wanted an array (n, 1), got (1, 2)"),
        ({0: [1]}, 'the table has no column "X", which the model needs; it has 0'),
        ({"X": [[1, 2]]}, "wanted columns (n,) of one length, got (1, 2)"),
    ],
)
def test_a_table_that_does_not_suit_the_model_is_refused(table: Any, error: str) -> None:
    with pytest.raises(UserError, match=re.escape(error)):
        Predictor(MODEL, MODELS).predict(table)


def python(code: str) -> str:
    """Runs the code in a process where a warning is an error, and returns its output."""
    return Clone(Path.cwd()).run("python", "-W", "error", "-c", code)


def test_the_export_gives_the_same_bits_in_a_process_without_plumbline() -> None:
    run(EXPORT)
    check = "import sys; print({'plumbline', 'stages'} & {*sys.modules}, names, predicted.tolist())"
    wanted = f"set() {{'features': 'X'}} {run(LOAD)[:, None].tolist()}\n"
    assert python(f"{ELSEWHERE}\n{check}") == wanted


def test_one_line_of_code_prints_the_ten_worst_rows() -> None:
    Path("worst.csv").write_text("X,y\n" + "0.5,0\n0.5,50\n0.5,-50\n" * 5)
    run_stage(predict, "worst.csv", MODEL, "new.predictions.csv")
    (code,) = re.findall(r'(?m)^    python -c "(.*)"$', PAGE)
    worst = [float(line.split()[2]) for line in python(code).splitlines()[1:]]
    assert worst == [*[50.0] * 5, *[-50.0] * 5]
