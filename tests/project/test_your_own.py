"""docs/your-own.md, typed line by line: own data, own features, an own model."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.support.clone import Clone
from tests.support.exercise import EXERCISE, ROOT

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "your-own.md").read_text(encoding="utf-8")
ENTRY, SECTION = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
(MODEL,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def write_table(path: Path, features: int) -> None:
    """Writes a table with `features` columns and y, a noisy linear function of them."""
    random = np.random.default_rng(0)
    X = random.normal(size=(60, features))
    y = X.sum(axis=1) + 0.1 * random.normal(size=60)
    names = ",".join([*(f"x{i}" for i in range(features)), "y"])
    np.savetxt(path, np.column_stack([X, y]), delimiter=",", header=names, comments="")


@pytest.fixture
def own(reproduced: Clone, copy_of: Callable[[Clone], Clone]) -> Clone:
    """A clone in which `load` takes the place of `generate`, as the page says."""
    clone = copy_of(reproduced)
    text = (clone.path / "dvc.yaml").read_text()
    generate = text[text.index("  generate:\n") : text.index("\n  split:\n")]
    clone.edit("dvc.yaml", generate, ENTRY)
    params = {key: value for key, value in EXERCISE.items() if key != "generate"}
    params["train"] = {**params["train"], "loss": "mse", "lr": 0.1}
    (clone.path / "params.yaml").write_text(SECTION + yaml.safe_dump(params))
    return clone


def delete_landscape(clone: Clone) -> None:
    clone.edit("dvc.yaml", " plots/landscape.png", "")
    clone.edit("dvc.yaml", "      - plots/landscape.png: {cache: false}\n", "")


def run(clone: Clone) -> dict[str, float]:
    """The metrics of a run."""
    clone.run("dvc", "repro")
    metrics: dict[str, float] = json.loads((clone.path / "metrics.json").read_text())
    return metrics


def test_a_table_with_one_feature_takes_the_place_of_the_line(own: Clone) -> None:
    write_table(own.path / "data" / "table.csv", 1)
    metrics = run(own)
    assert metrics["test_r2"] > 0.95
    assert metrics["weight"] == pytest.approx(1, abs=0.1)
    assert "weight_error" not in metrics
    assert "true line" not in own.run("python", "-m", "tools.summary")


def test_a_table_with_several_features_is_learned_without_a_landscape(own: Clone) -> None:
    write_table(own.path / "data" / "table.csv", 4)
    refused = own.try_run("dvc", "repro")
    assert refused.returncode
    assert (
        "\nplot: plots/landscape.png: wanted a line in one feature, got linear in 4; "
        "remove this path from the stage plot in dvc.yaml\n"
    ) in refused.stdout
    delete_landscape(own)
    metrics = run(own)
    assert metrics["test_r2"] > 0.95
    assert metrics.keys() == {"test_mae", "test_rmse", "test_max_error", "test_r2", "train_mae"}
    assert "learned line" not in own.run("python", "-m", "tools.summary")
    own.run("python", "-m", "tools.lint")
    own.commit("My own")
    own.run("python", "-m", "tools.check")
    own.run("python", "-m", "tools.report", "HEAD^")


def test_a_model_is_one_class_and_its_name(own: Clone) -> None:
    write_table(own.path / "data" / "table.csv", 2)
    delete_landscape(own)
    (entry,) = re.findall(r"such as `(.*?)`\.", PAGE)
    own.edit("plumbline/model.py", "# A model of your own", MODEL + "\n\n# A model of your own")
    own.edit("plumbline/model.py", "\n}\n", f"\n    {entry}\n}}\n")
    own.edit("params.yaml", "model: linear", "model: hidden")
    assert run(own)["test_r2"] > 0.9
