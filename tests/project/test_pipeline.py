"""`dvc.yaml` is true, and `dvc repro` reruns only the stages whose inputs changed."""

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from plumbline.core.command import is_output
from plumbline.lint import declared, imports
from tests.support.clone import Clone
from tests.support.exercise import ROOT, STAGES, pipeline

ENTRIES: dict[str, Any] = yaml.safe_load(pipeline())["stages"]
every_stage = pytest.mark.parametrize("name", STAGES)


@every_stage
def test_main_takes_inputs_then_outputs_in_the_order_of_the_command(name: str) -> None:
    stage = STAGES[name]
    main = importlib.import_module(f"stages.{name}").main
    _, *roles = (is_output(role) for role in inspect.signature(main).parameters.values())
    inputs, outputs = stage.cmd[3 : 3 + len(stage.inputs)], stage.cmd[3 + len(stage.inputs) :]
    assert stage.cmd[:3] == ["python", "-m", f"stages.{name}"]
    assert (set(inputs), set(outputs)) == (stage.inputs, {*stage.outs})
    assert roles == [False] * len(inputs) + [True] * len(outputs)


@every_stage
def test_the_usage_line_has_one_word_per_path(name: str) -> None:
    module = importlib.import_module(f"stages.{name}")
    usage = str(module.__doc__).splitlines()[-1]
    assert usage.startswith(f"Usage: python -m stages.{name} ")
    assert len(usage.split()[4:]) == len(STAGES[name].cmd[3:])


def test_the_only_outputs_in_git_are_the_metrics_the_history_and_the_pictures() -> None:
    stages = {name: ENTRIES[name] for name in ("split", "train", "evaluate", "plot", "verify")}
    outputs = declared.entries(stages, "outs", "metrics", "plots")
    kept = {path for path, options in outputs.items() if options.get("cache") is False}
    assert kept == {"metrics.json", "plots/history.csv", *STAGES["plot"].outs}


@pytest.mark.parametrize("name", ["load", "split", "evaluate", "plot"])
def test_a_stage_that_does_not_compute_with_torch_does_not_import_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    paths = imports.closure(f"stages/{name}.py")
    assert "torch" not in {module for path in paths for module in imports.modules(Path(path))}


@pytest.mark.slow
def test_a_fresh_clone_is_clean_after_dvc_repro(reproduced: Clone, tmp_path: Path) -> None:
    fresh = Clone(tmp_path / "fresh")
    reproduced.run("git", "clone", "--quiet", ".", str(fresh.path))
    assert {*fresh.repro()} == {name for name, entry in ENTRIES.items() if "outs" in entry}
    assert fresh.digests() == reproduced.digests()
    assert fresh.run("git", "status", "--porcelain") == ""


@pytest.mark.slow
def test_repro_reruns_only_the_stages_whose_inputs_changed(
    reproduced: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(reproduced)
    assert clone.repro() == []

    clone.set_params({"train.lr": 0.02})
    assert clone.repro() == ["train", "evaluate", "plot", "verify"]

    clone.set_params({"train.lr": 0.02, "plot.dpi": 90})
    assert clone.repro() == ["plot"]

    clone.set_params({})
    assert clone.repro() == []
    assert clone.run("git", "status", "--porcelain") == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "stages"),
    [
        ("stages/train.py", {"train"}),
        ("stages/loop.py", {"train"}),
        ("plumbline/drawing/canvas.py", {"plot"}),
        ("stages/model.py", {"train", "verify"}),
        ("plumbline/core/files.py", {*STAGES}),
    ],
)
def test_an_edit_in_a_script_reruns_the_stages_that_import_it(
    reproduced: Clone, copy_of: Callable[[Clone], Clone], path: str, stages: set[str]
) -> None:
    """`dvc status` lists them. Their outputs keep the same bytes, so no later stage reruns."""
    clone = copy_of(reproduced)
    clone.edit(path, '"""', '# A comment.\n"""')
    status = clone.run("dvc", "status").splitlines()
    assert {line.rstrip(":") for line in status if not line.startswith("\t")} == stages


@pytest.mark.slow
def test_bytecode_swap_files_and_notes_in_a_code_folder_rerun_nothing(
    reproduced: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(reproduced)
    core = clone.path / "plumbline" / "core"
    (core / "__pycache__").mkdir(exist_ok=True)
    for name in ("__pycache__/files.cpython-311.pyc", ".files.py.swp", "note.md", "files.py~"):
        (core / name).write_text("anything")
    assert clone.repro() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"train.lr": "fast"}, "params.yaml: train.lr: wanted float, got 'fast'"),
        ({"train.loss": "mse", "train.lr": 1e3}, "epoch 20: wanted a finite loss"),
        ({"device": "warp"}, "params.yaml: device: wanted one of auto, cpu"),
    ],
)
def test_bad_parameters_give_one_error_line_and_no_output(
    reproduced: Clone, copy_of: Callable[[Clone], Clone], changes: dict[str, Any], line: str
) -> None:
    clone = copy_of(reproduced)
    clone.set_params(changes)
    done = clone.try_run("dvc", "repro")
    assert done.returncode != 0
    assert f"\ntrain: {line}" in done.stdout
    assert "Traceback" not in done.stdout
    assert not any((clone.path / path).exists() for path in STAGES["train"].outs)
