"""`dvc.yaml` is true, and `dvc repro` reruns only the stages whose inputs changed."""

import importlib
import inspect
import json
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from plumbline.lint import declared, imports
from tests.support.clone import Clone
from tests.support.exercise import ROOT, STAGES, pipeline

ENTRIES: dict[str, Any] = yaml.safe_load(pipeline())["stages"]


@pytest.mark.parametrize("name", STAGES)
def test_the_usage_line_of_each_stage_names_its_paths(name: str) -> None:
    module = importlib.import_module(f"stages.{name}")
    *command, _ = usage = str(module.__doc__).splitlines()[-1].split()
    assert command[:4] == ["Usage:", "python", "-m", f"stages.{name}"]
    assert len(usage[4:]) == len(inspect.signature(module.main).parameters) - 1


def test_the_only_outputs_in_git_are_the_metrics_the_history_and_the_pictures() -> None:
    ours = ("generate", "split", "train", "validate", "evaluate", "plot", "verify")
    outputs = declared.entries({name: ENTRIES[name] for name in ours}, "outs", "metrics", "plots")
    kept = {path for path, options in outputs.items() if options.get("cache") is False}
    tables = {"metrics.json", "plots/history.csv", "plots/validation.csv"}
    assert kept == {*tables, *STAGES["plot"].outs}


def test_the_page_of_dvc_plots_is_our_own_in_each_project() -> None:
    for folder in (ROOT, *ROOT.glob("examples/*/")):
        if (folder / ".dvc/config").is_file():
            config = ConfigParser()
            config.read(folder / ".dvc/config")
            assert "{plot_divs}" in (folder / ".dvc" / config["plots"]["html_template"]).read_text()


@pytest.mark.parametrize("name", ["load", "split", "evaluate", "plot"])
def test_a_stage_that_does_not_compute_with_torch_does_not_import_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    paths = imports.closure(f"stages/{name}.py")
    assert "torch" not in {module for path in paths for module in imports.modules(Path(path))}


def changes(clone: Clone) -> dict[str, set[str]]:
    """The dependencies and parameters of each stage that DVC takes for changed."""
    found: dict[str, set[str]] = {}
    for name, states in json.loads(clone.run("dvc", "status", "--json")).items():
        deps = dict(states[0]["changed deps"])
        found[name] = {*deps.pop("params.yaml", {}), *deps.pop("versions.yaml", {}), *deps}
    return found


@pytest.mark.slow
def test_an_edit_changes_only_the_stages_that_import_or_read_it(clone: Clone) -> None:
    clone.set_params({"train.lr": 0.02, "plot.dpi": 90})
    clone.edit("versions.yaml", 'torch: "', 'torch: "9')
    clone.edit("versions.yaml", 'matplotlib: "', 'matplotlib: "9')
    for path in ("stages/loop.py", "stages/model.py", "plumbline/pictures/look.py"):
        clone.edit(path, '"""', '# A comment.\n"""')
    core = clone.path / "plumbline" / "core"
    (core / "__pycache__").mkdir(exist_ok=True)
    for name in ("__pycache__/files.cpython-311.pyc", ".files.py.swp", "note.md", "files.py~"):
        (core / name).write_text("anything")
    assert changes(clone) == {
        "generate": {"torch"},
        "train": {"train", "torch", "stages/loop.py", "stages/model.py"},
        "validate": {"train", "torch", "stages/loop.py", "stages/model.py"},
        "plot": {"plot", "matplotlib", "train.lr", "plumbline/pictures"},
        "verify": {"torch", "stages/model.py"},
    }


TRAINING = {"train", "validate", "evaluate", "plot", "verify"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "value", "stages"),
    [
        ("plot.dpi", 90, {"plot"}),
        pytest.param("train.lr", 0.02, TRAINING, marks=pytest.mark.all),
    ],
)
def test_a_changed_value_reruns_what_depends_on_it_and_the_old_value_nothing(
    clone: Clone, key: str, value: float, stages: set[str]
) -> None:
    assert clone.repro() == []
    clone.set_params({key: value})
    assert {*clone.repro()} == stages
    clone.set_params({})
    assert clone.repro() == []
    assert clone.run("git", "status", "--porcelain") == ""


@pytest.mark.all
def test_an_experiment_in_a_copy_can_be_applied_and_turned_into_a_branch(clone: Clone) -> None:
    clone.run("dvc", "exp", "run", "--temp", "--name", "trial", "-S", "train.lr=0.03")
    assert clone.run("git", "status", "--porcelain") == ""
    clone.run("dvc", "exp", "apply", "trial")
    assert clone.repro() == []
    clone.run("dvc", "exp", "branch", "trial", "lr-0.03")
    clone.run("python", "-m", "plumbline", "check", "lr-0.03")
    report = clone.run("python", "-m", "plumbline", "report", "main", "lr-0.03")
    assert "| `train.lr` | `0.01` | `0.03` |" in report
