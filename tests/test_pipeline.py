"""dvc.yaml tells the truth, and `dvc repro` runs what changed and gives the same bytes."""

import importlib
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from plumbline.core.params import SECTIONS
from plumbline.pipeline import imports
from tests.clone import ROOT, Clone

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
STAGES: dict[str, Any] = PIPELINE["stages"]
every_stage = pytest.mark.parametrize("name", STAGES)


def names(entries: list[str | dict[str, Any]]) -> list[str]:
    """The paths of outs, metrics or plots, whose entries are a path or {path: options}."""
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def outputs(stage: dict[str, Any]) -> list[str]:
    return [path for kind in ("outs", "metrics", "plots") for path in names(stage.get(kind, []))]


@every_stage
def test_the_command_names_the_declared_inputs_and_then_the_declared_outputs(name: str) -> None:
    *command, module = shlex.split(STAGES[name]["cmd"])[:3]
    arguments = shlex.split(STAGES[name]["cmd"])[3:]
    inputs = [path for path in STAGES[name]["deps"] if not path.endswith(".py")]
    assert (command, module) == (["python", "-m"], f"stages.{name}")
    assert sorted(arguments[: len(inputs)]) == sorted(inputs)
    assert sorted(arguments[len(inputs) :]) == sorted(outputs(STAGES[name]))


@every_stage
def test_the_usage_has_as_many_words_as_main_has_paths(name: str) -> None:
    module = importlib.import_module(f"stages.{name}")
    usage = str(module.__doc__).splitlines()[-1]
    assert usage.startswith(f"Usage: python -m stages.{name} ")
    assert len(usage.split()[4:]) == module.main.__code__.co_argcount


def test_every_section_of_params_yaml_is_read_and_there_is_no_other() -> None:
    declared = {key.split(".")[0] for stage in STAGES.values() for key in stage.get("params", [])}
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert declared == set(params) == SECTIONS


def test_the_results_that_git_keeps_are_the_metrics_and_the_pictures_alone() -> None:
    uncached = [
        path
        for stage in STAGES.values()
        for kind in ("outs", "metrics", "plots")
        for entry in stage.get(kind, [])
        if isinstance(entry, dict)
        for path, options in entry.items()
        if options == {"cache": False}
    ]
    assert sorted(uncached) == ["metrics.json", *sorted(names(STAGES["plot"]["plots"]))]


@every_stage
def test_importing_a_stage_imports_torch_only_where_it_computes_with_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    has_torch = {"generate", "train", "verify"}
    paths = imports.closure(f"stages/{name}.py")
    modules = {module for path in paths for module in imports.modules(Path(path))}
    assert ("torch" in modules) == (name in has_torch)


@pytest.mark.pipeline
def test_a_fresh_clone_is_clean_after_dvc_repro(reproduced: Clone, tmp_path: Path) -> None:
    fresh = Clone(tmp_path / "fresh")
    reproduced.run("git", "clone", "--quiet", ".", str(fresh.path))
    assert fresh.repro() == ["generate", "split", "train", "verify"]
    assert fresh.run("git", "status", "--porcelain") == ""


@pytest.mark.pipeline
def test_another_clone_with_other_threads_gives_the_same_bytes(
    reproduced: Clone, forced: Clone
) -> None:
    assert forced.digests() == reproduced.digests()


@pytest.mark.pipeline
def test_only_what_changed_runs_again(forced: Clone, copy_of: Callable[[Clone], Clone]) -> None:
    clone = copy_of(forced)
    assert clone.repro() == []

    clone.set_params({"train.lr": 0.02})
    assert clone.repro() == ["train", "evaluate", "plot", "verify"]

    clone.set_params({"train.lr": 0.02, "plot.dpi": 90})
    assert clone.repro() == ["plot"]

    clone.set_params({})
    assert clone.repro() == []
    assert clone.run("git", "status", "--porcelain", "metrics.json", "plots", "dvc.lock") == ""

    clone.edit("stages/train.py", '"""Train', '# A comment changes no byte of a model.\n"""Train')
    assert clone.repro() == ["train"]

    assert clone.repro() == []


@pytest.mark.pipeline
@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"train.lr": "fast"}, "params.yaml: train.lr: wanted float, got 'fast'"),
        ({"train.loss": "mse", "train.lr": 1e3}, "epoch 20: wanted a finite loss"),
        ({"device": "warp"}, "params.yaml: device: wanted one of auto, cpu"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_output(
    forced: Clone, copy_of: Callable[[Clone], Clone], changes: dict[str, Any], line: str
) -> None:
    clone = copy_of(forced)
    clone.set_params(changes)
    done = clone.try_run("dvc", "repro")
    assert done.returncode != 0
    assert f"\ntrain: {line}" in done.stdout
    assert "Traceback" not in done.stdout
    assert not any((clone.path / path).exists() for path in outputs(STAGES["train"]))
