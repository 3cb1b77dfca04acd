"""docs/your-own.md, typed block by block: own data, model, parameter, stage, and green tests."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.support.clone import Clone
from tests.support.exercise import ROOT

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "your-own.md").read_text(encoding="utf-8")
LOAD, LOAD_PARAMS, DECAY_PARAM, DESCRIBE, DESCRIBE_PARAMS, RULE, ERRORS = re.findall(
    r"```yaml\n(.*?)```", PAGE, re.DOTALL
)
MODEL, MODEL_NAME, DECAY_FIELD, DECAY_USE, DECAY_EXERCISE, DESCRIBE_SCRIPT, *OTHERS = re.findall(
    r"```python\n(.*?)```", PAGE, re.DOTALL
)
METRIC, METRIC_LINE, ERRORS_SCRIPT = OTHERS
LOOP = (ROOT / "stages" / "loop.py").read_text(encoding="utf-8")
OPTIMIZER = "    optimizer = OPTIMIZERS[params.optimizer](model.parameters(), lr=params.lr)\n"


def write_table(path: Path, features: int) -> None:
    """Writes a table with `features` columns and y, a noisy linear function of them."""
    random = np.random.default_rng(0)
    X = random.normal(size=(60, features))
    y = X.sum(axis=1) + 0.1 * random.normal(size=60)
    names = ",".join([*(f"x{i}" for i in range(features)), "y"])
    np.savetxt(path, np.column_stack([X, y]), delimiter=",", header=names, comments="")


@pytest.fixture
def own(clone: Clone) -> Clone:
    """A clone in which `load` takes the place of `generate`, as the page says."""
    text = (clone.path / "dvc.yaml").read_text()
    generate = text[text.index("  generate:\n") : text.index("\n  split:\n")]
    clone.edit("dvc.yaml", generate, LOAD)
    params = yaml.safe_load((clone.path / "params.yaml").read_text())
    del params["generate"]
    params["train"] |= {"loss": "mse", "lr": 0.1, "standardize": True}
    (clone.path / "params.yaml").write_text(LOAD_PARAMS + yaml.safe_dump(params, sort_keys=False))
    return clone


def delete_landscape(clone: Clone) -> None:
    clone.edit("dvc.yaml", " plots/landscape.png", "")
    clone.edit("dvc.yaml", "      - plots/landscape.png: {cache: false}\n", "")
    clone.edit("gate.yaml", "    limit: 0.05\n", "")


def add_model(clone: Clone) -> None:
    path = "stages/model.py"
    clone.edit(path, "# A model of your own", f"{MODEL}\n\n# A model of your own")
    clone.edit(path, '    "mlp": MLP,\n', f'    "mlp": MLP,\n{MODEL_NAME}')


def add_parameter(clone: Clone) -> None:
    for params in clone.path.rglob("params.yaml"):
        clone.edit(str(params), "train:\n", f"train:\n{DECAY_PARAM}")
    clone.edit("stages/loop.py", "    lr: Positive\n", f"    lr: Positive\n{DECAY_FIELD}")
    clone.edit("stages/loop.py", OPTIMIZER, DECAY_USE)
    clone.edit("stages/loop.py", "import NonNegativeInt", "import NonNegative, NonNegativeInt")
    hidden = '            "hidden": 16,\n'
    clone.edit("tests/support/exercise.py", hidden, hidden + DECAY_EXERCISE)


def add_stage(clone: Clone) -> None:
    (clone.path / "stages" / "describe.py").write_text(DESCRIBE_SCRIPT)
    (clone.path / "tests" / "stages" / "test_describe.py").touch()
    clone.edit("dvc.yaml", "\n  train:\n", f"\n{DESCRIBE}\n  train:\n")
    clone.edit("params.yaml", "train:\n", f"{DESCRIBE_PARAMS}train:\n")


def add_metric(clone: Clone) -> None:
    path, call = "stages/evaluate.py", "    metrics = evaluate("
    clone.edit(path, "def main(", f"{METRIC}\n\ndef main(")
    clone.edit(path, "import msgspec\n", "import msgspec\nimport numpy as np\n")
    clone.edit(path, "import Line,", "import Array, Line,")
    (line,) = re.findall(rf"(?m)^{re.escape(call)}.*\n", (clone.path / path).read_text())
    clone.edit(path, line, line + METRIC_LINE)
    clone.edit("gate.yaml", "metrics:\n", f"metrics:\n{RULE}")


def add_picture(clone: Clone) -> None:
    (clone.path / "stages" / "errors.py").write_text(ERRORS_SCRIPT)
    (clone.path / "tests" / "stages" / "test_errors.py").touch()
    clone.edit("dvc.yaml", "\n  verify:\n", f"\n{ERRORS}\n  verify:\n")


def metrics(clone: Clone) -> dict[str, float]:
    numbers: dict[str, float] = json.loads((clone.path / "metrics.json").read_text())
    return numbers


def test_a_table_with_one_feature_takes_the_place_of_the_line(own: Clone) -> None:
    write_table(own.path / "data" / "table.csv", 1)
    own.reproduce()
    assert metrics(own)["test_r2"] > 0.95
    assert metrics(own)["weight"] == pytest.approx(1, abs=0.1)
    assert "weight_error" not in metrics(own)
    assert "true line" not in own.run("python", "-m", "plumbline", "summary")


@pytest.mark.all
def test_a_table_with_several_features_is_learned_and_its_first_gate_is_open(own: Clone) -> None:
    write_table(own.path / "data" / "table.csv", 4)
    delete_landscape(own)
    own.reproduce()
    assert metrics(own)["test_r2"] > 0.95
    assert metrics(own).keys() & {"weight", "bias"} == set()
    assert "learned line" not in own.run("python", "-m", "plumbline", "summary")

    own.commit("My own data")
    own.run("python", "-m", "plumbline", "check")
    report = own.run("python", "-m", "plumbline", "report", "HEAD^")
    assert "One training is one draw, and these two saw other samples." in report
    assert own.run("python", "-m", "plumbline", "gate", "HEAD^").startswith("gate: open, ")


def run_quick_tests(clone: Clone) -> None:
    """Passes if results are committed as they have to be and the quick tests are green."""
    clone.commit("My own")
    clone.run("python", "-m", "plumbline", "check")
    quick = "not all and not slow"
    clone.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "-m", quick)


@pytest.mark.all
def test_the_tests_pass_on_a_branch_with_another_lr(clone: Clone) -> None:
    """The slow tests see no value of params.yaml but those of keys that the exercise lacks."""
    clone.set_params({"train.lr": 0.02})
    clone.reproduce()
    run_quick_tests(clone)


@pytest.mark.all
@pytest.mark.skipif(OPTIMIZER not in LOOP, reason="the loop is already a user's own")
def test_the_tests_pass_in_a_project_of_ones_own(own: Clone) -> None:
    """With own data, an own model, parameter, section and stage, and its results committed."""
    write_table(own.path / "data" / "table.csv", 2)
    delete_landscape(own)
    add_model(own)
    add_parameter(own)
    add_stage(own)
    add_metric(own)
    add_picture(own)
    own.edit("params.yaml", "model: linear", "model: quadratic")
    own.edit("params.yaml", "weight_decay: 0 ", "weight_decay: 1e-3 ")
    own.run("dvc", "repro")
    assert metrics(own)["test_r2"] > 0.9
    assert 0 < metrics(own)["test_median_error"] < metrics(own)["test_max_error"]
    assert (own.path / "plots" / "errors.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((own.path / "data" / "summary.json").read_text()).keys() >= {"x0_mean"}
    own.run("ruff", "check")
    own.run("mypy")
    own.run("python", "-m", "plumbline", "lint")
    run_quick_tests(own)
