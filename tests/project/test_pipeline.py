"""`dvc.yaml` is true, and `dvc repro` reruns only the stages whose inputs changed."""

import importlib
import inspect
import json
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from plumbline.core.command import is_output
from plumbline.lint import declared, imports
from tests.support.clone import Clone
from tests.support.exercise import ROOT, STAGES, pipeline

ENTRIES: dict[str, Any] = yaml.safe_load(pipeline())["stages"]


@pytest.mark.parametrize("name", STAGES)
def test_the_command_and_the_usage_line_name_the_inputs_of_main_and_then_its_outputs(
    name: str,
) -> None:
    stage, module = STAGES[name], importlib.import_module(f"stages.{name}")
    _, *roles = (is_output(role) for role in inspect.signature(module.main).parameters.values())
    inputs, outputs = stage.cmd[3 : 3 + len(stage.inputs)], stage.cmd[3 + len(stage.inputs) :]
    assert stage.cmd[:3] == ["python", "-m", f"stages.{name}"]
    assert (set(inputs), set(outputs)) == (stage.inputs, {*stage.outs})
    assert roles == [False] * len(inputs) + [True] * len(outputs)
    usage = str(module.__doc__).splitlines()[-1]
    assert usage.startswith(f"Usage: python -m stages.{name} ")
    assert len(usage.split()[4:]) == len(roles)


def test_the_only_outputs_in_git_are_the_metrics_the_history_and_the_pictures() -> None:
    ours = ("generate", "split", "train", "validate", "evaluate", "plot", "verify")
    stages = {name: ENTRIES[name] for name in ours}
    outputs = declared.entries(stages, "outs", "metrics", "plots")
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
        found[name] = {*deps.pop("params.yaml", {}), *deps}
    return found


@pytest.mark.slow
def test_an_edit_changes_only_the_stages_that_import_or_read_it(clone: Clone) -> None:
    clone.set_params({"train.lr": 0.02, "plot.dpi": 90})
    for path in ("stages/loop.py", "stages/model.py", "plumbline/pictures/look.py"):
        clone.edit(path, '"""', '# A comment.\n"""')
    core = clone.path / "plumbline" / "core"
    (core / "__pycache__").mkdir(exist_ok=True)
    for name in ("__pycache__/files.cpython-311.pyc", ".files.py.swp", "note.md", "files.py~"):
        (core / name).write_text("anything")
    assert changes(clone) == {
        "train": {"train", "stages/loop.py", "stages/model.py"},
        "validate": {"train", "stages/loop.py", "stages/model.py"},
        "plot": {"plot", "train.lr", "plumbline/pictures"},
        "verify": {"stages/model.py"},
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


@pytest.mark.slow
def test_a_training_that_fails_gives_one_error_line_and_no_output(clone: Clone) -> None:
    clone.set_params({"train.loss": "mse", "train.lr": 1e3})
    done = clone.try_run("dvc", "repro")
    assert done.returncode != 0
    assert "\ntrain: epoch 20: wanted a finite loss" in done.stdout
    assert "Traceback" not in done.stdout
    assert not any((clone.path / path).exists() for path in STAGES["train"].outs)
