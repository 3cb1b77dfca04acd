"""The steps of docs/your-own.md work in a new project, also after an update of its library."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from plumbline.lint import declared
from tests.support import projects
from tests.support.clone import Clone
from tests.support.exercise import ROOT
from tests.support.projects import install, make_project, make_release, only_in_this_checkout

pytestmark = [pytest.mark.all, only_in_this_checkout]

PAGE = (ROOT / "docs" / "your-own.md").read_text(encoding="utf-8")
DECAY_PARAM, DESCRIBE, DESCRIBE_PARAMS, RULE, ERRORS = re.findall(
    r"```yaml\n(.*?)```", PAGE, re.DOTALL
)
MODEL, MODEL_NAME, DECAY_FIELD, DECAY_USE, DESCRIBE_SCRIPT, METRIC, METRIC_LINE, ERRORS_SCRIPT = (
    re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
)
OPTIMIZER = "    optimizer = OPTIMIZERS[params.optimizer](model.parameters(), lr=params.lr)\n"


def write_table(path: Path) -> Path:
    """Writes a table with an index, two features, and a noisy linear function of them."""
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 2))
    y = X.sum(axis=1) + 0.1 * random.normal(size=60)
    rows = [f"{i},{a},{b},{c}\r\n" for i, (a, b, c) in enumerate(np.column_stack([X, y]))]
    path.write_text("".join([",size,age of house,house price\r\n", *rows]), newline="")
    return path


@pytest.fixture(scope="module")
def made(share: Callable[..., Clone]) -> Clone:
    """A project with a table and its results, in a subfolder of a repository."""

    def make(path: Path) -> None:
        path.mkdir(parents=True)
        Clone(path).run("git", "init", "--quiet", "--initial-branch=main")
        table = write_table(path / "my houses.csv")
        new = ["plumbline", "new", str(path / "my project"), "--table", str(table)]
        project = make_project(path / "my project", *new, "--target", "house price")
        project.run("dvc", "repro", "--quiet")
        project.commit("First results")

    return projects.with_environment(share("made", make).path / "my project")


@pytest.fixture
def own(made: Clone, tmp_path: Path) -> Clone:
    """A copy of `made` that a test can change."""
    shutil.copytree(made.path.parent, tmp_path / "copy", symlinks=True)
    install(tmp_path / "copy" / "my project")
    return projects.with_environment(tmp_path / "copy" / "my project")


def metrics(project: Clone) -> dict[str, float]:
    numbers: dict[str, float] = json.loads((project.path / "metrics.json").read_text())
    return numbers


def outputs(project: Clone) -> dict[str, str]:
    """The digests of all outputs. Leaves out dvc.lock, which contains digests of the code."""
    return {path: text for path, text in project.digests().items() if path != "dvc.lock"}


def test_a_project_without_a_table_gives_the_same_bytes_as_the_exercise(
    tmp_path: Path, reproduced: Clone
) -> None:
    project = make_project(tmp_path / "mine", "plumbline", "new", str(tmp_path / "mine"))
    project.run("dvc", "repro", "--quiet")
    assert outputs(project) == outputs(reproduced)


def test_a_project_learns_its_table_and_its_first_comparison_opens_the_gate(made: Clone) -> None:
    assert metrics(made)["test_r2"] > 0.95
    assert not metrics(made).keys() & {"weight", "bias", "weight_error"}
    assert "plots/landscape.png" not in outputs(made)
    report = made.run("python", "-m", "plumbline", "report", "HEAD^")
    assert "The others are partly luck" in report
    assert made.run("python", "-m", "plumbline", "gate", "HEAD^").startswith("gate: open, ")


def test_predictions_and_experiments_work_in_a_new_project(own: Clone) -> None:
    (own.path / "new.csv").write_text("age of house,size,note\n0,1,a\n")
    own.run("python", "-m", "stages.predict", "new.csv", "models/model.safetensors", "out.csv")
    assert "predicted_house price" in (own.path / "out.csv").read_text()
    own.run("dvc", "exp", "run", "--temp", "--name", "trial", "-S", "train.lr=0.02")
    own.run("dvc", "exp", "apply", "trial")
    assert " D " not in own.run("git", "status", "--porcelain", ".")
    report = own.run("python", "-m", "plumbline", "report", "HEAD")
    assert "| `train.lr` | `0.1` | `0.02` |" in report


# Where the page inserts its blocks: a file, a text in it, and the block to insert before it.
INSERTS = [
    ("stages/model.py", "# For a model of your own", f"{MODEL}\n\n"),
    ("stages/model.py", '    "mlp": MLP,\n', MODEL_NAME),
    ("params.yaml", "  lr: ", DECAY_PARAM.replace("weight_decay: 0 ", "weight_decay: 1e-3 ")),
    ("stages/loop.py", "    lr: Positive\n", DECAY_FIELD),
    ("stages/loop.py", "NonNegativeInt, ", "NonNegative, "),
    ("dvc.yaml", "  train:\n", f"{DESCRIBE}\n"),
    ("params.yaml", "train:\n", DESCRIBE_PARAMS),
    ("dvc.yaml", "  verify:\n", f"{ERRORS}\n"),
    ("stages/evaluate.py", "def main(", f"{METRIC}\n\n"),
    ("stages/evaluate.py", "\nfrom plumbline", "import numpy as np\n"),
    ("stages/evaluate.py", "Line, ModelInfo", "Array, "),
    ("gate.yaml", "  validation_mae:", RULE),
]


def add_own(project: Clone) -> None:
    """Adds the page's model, parameter, stage, metric and picture to the project."""
    for path, there, new in INSERTS:
        project.edit(path, there, new + there)
    project.edit("params.yaml", "model: linear", "model: quadratic")
    project.edit("stages/loop.py", OPTIMIZER, DECAY_USE)
    (line,) = re.findall(r"(?m)^    metrics = evaluate\(.*\n",
                         (project.path / "stages/evaluate.py").read_text())  # fmt: skip
    project.edit("stages/evaluate.py", line, line + METRIC_LINE)
    (project.path / "stages" / "describe.py").write_text(DESCRIBE_SCRIPT)
    (project.path / "stages" / "errors.py").write_text(ERRORS_SCRIPT)


def test_a_users_model_parameter_stage_metric_and_picture_survive_a_library_update(
    own: Clone, tmp_path: Path
) -> None:
    add_own(own)
    own.run("dvc", "repro", "--quiet")
    assert metrics(own)["test_r2"] > 0.9
    assert 0 < metrics(own)["test_median_error"] < metrics(own)["test_max_error"]
    for tool in ("ruff check", "mypy", "pytest -q -p no:cacheprovider", "plumbline lint"):
        own.run("python", "-m", *tool.split())
    own.commit("My own")

    release = make_release(tmp_path / "release")
    release.run("python", "-m", "plumbline", "update", str(own.path))
    install(own.path)
    before = outputs(own)
    assert {*own.repro()} == declared.read(own.path).keys()
    assert outputs(own) == before
    own.commit("A later library")
    own.run("python", "-m", "plumbline", "check")


def test_the_tests_of_this_repository_pass_on_a_branch_with_a_different_lr(clone: Clone) -> None:
    """The tests use the exercise's values. From params.yaml they take only keys a user added."""
    clone.set_params({"train.lr": 0.02})
    clone.reproduce()
    clone.commit("My lr")
    all_of_make_test = ("-m", "not all", "-q", "-n", "2", "-p", "no:cacheprovider")
    clone.run("python", "-m", "pytest", *all_of_make_test)
