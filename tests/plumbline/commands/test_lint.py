"""The linter names the stage and the file of each difference between dvc.yaml and the code."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from plumbline.core import tensors
from tests.support.clone import Clone
from tests.support.exercise import EXERCISE, INFO, ROOT

pytestmark = pytest.mark.slow

LOAD = "    X, y, info = tensors.load_samples(samples_path)\n"


def lint(folder: Path) -> list[str]:
    """The problems that `make lint-pipeline` names."""
    done = subprocess.run(
        [sys.executable, "-m", "plumbline", "lint"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == (1 if done.stderr else 0)
    return [line.strip() for line in done.stderr.splitlines()[1:]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project with `split` as its only stage."""
    for name in ("plumbline", "stages"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"split": EXERCISE["split"]}))
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["split"]
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"split": stage}}))
    X = np.arange(10, dtype=np.float32)[:, None]
    for name in ("samples.safetensors", "other.safetensors"):
        tensors.save_samples(tmp_path / "data" / name, X, X, INFO)
    return tmp_path


@pytest.mark.all
def test_every_stage_agrees_with_dvc_yaml(reproduced: Clone) -> None:
    assert lint(reproduced.path) == []


def test_split_alone_has_no_problems(project: Path) -> None:
    assert lint(project) == []


@pytest.mark.parametrize(
    ("kind", "entry", "problem"),
    [
        ("deps", "-plumbline/core", "plumbline/core/files.py: imported, and not declared"),
        ("deps", "+plumbline/pictures", "plumbline/pictures/draw.py: declared, and not imported"),
        ("deps", "+plumbline/history.py", "plumbline/history.py: declared, and not imported"),
        ("deps", "-data/samples.safetensors",
         "data/samples.safetensors: read by cmd, and not declared"),
        ("deps", "+data/other.safetensors",
         "data/other.safetensors: declared, and not read by cmd"),
        ("deps", "+data/none.csv", "data/none.csv: declared, and there is no such file"),
        ("params", "-split", "split: read, and not declared"),
        ("params", "+plot.dpi", "plot.dpi: declared, and not read"),
        ("outs", "-data/test.safetensors", "data/test.safetensors: written, and not declared"),
        ("outs", "+data/more.csv", "data/more.csv: declared, and not written"),
    ],
)  # fmt: skip
def test_each_mistake_in_dvc_yaml_is_named(
    project: Path, kind: str, entry: str, problem: str
) -> None:
    pipeline = yaml.safe_load((project / "dvc.yaml").read_text())
    entries = pipeline["stages"]["split"][kind]
    (entries.remove if entry[0] == "-" else entries.append)(entry[1:])
    (project / "dvc.yaml").write_text(yaml.safe_dump(pipeline))
    assert f"split: {problem}" in lint(project)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("Path('data/other.safetensors').read_bytes()",
         "data/other.safetensors: read, and not declared"),
        ("__import__('plumbline.history')",
         "failed with what it declares: ModuleNotFoundError: No module named 'plumbline.history'"),
        ("tensors.load(Path('data/other.safetensors'))",
         "failed with what it declares: split: data/other.safetensors: wanted a safetensors file"),
        ("Path('data/more.csv').write_text('')", "data/more.csv: written, and not declared"),
        ("import yaml; yaml.safe_load(Path('params.yaml').open())['train']",
         "failed with what it declares: KeyError: 'train'"),
        ("import socket; socket.socket().connect_ex(('127.0.0.1', 9))",
         "reached the network: socket.connect ('127.0.0.1', 9)"),
        ("import time; y = y * time.time()",
         "stages/split.py: imports time, so that its result may depend on more"),
        ("import os; os.environ.get('HOME')",
         "stages/split.py: imports os, so that its result may depend on more"),
    ],
)  # fmt: skip
def test_each_undeclared_action_of_a_stage_is_named(project: Path, line: str, problem: str) -> None:
    script = project / "stages" / "split.py"
    script.write_text(
        script.read_text().replace(LOAD, f"{LOAD}    from pathlib import Path\n    {line}\n")
    )
    assert any(said.startswith(f"split: {problem}") for said in lint(project))


@pytest.mark.all
def test_a_stage_after_one_that_fails_is_not_run(
    reproduced: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    project = copy_of(reproduced)
    project.edit("stages/split.py", LOAD, f"{LOAD}    raise OSError('no')\n")
    first, *others = lint(project.path)
    assert first == "split: failed with what it declares: split: no"
    assert {*others} == {
        f"{name}: not run, since data/{part}.safetensors was not made"
        for name, part in (
            ("train", "test"),
            ("validate", "train"),
            ("evaluate", "test"),
            ("plot", "test"),
            ("verify", "test"),
        )
    }


def test_a_section_that_no_stage_reads_is_named(project: Path) -> None:
    """A stage that is run by hand, such as predict, is in no dvc.yaml and reads its own."""
    with (project / "params.yaml").open("a") as file:
        file.write("spilt: {}\npredict: {}\n")
    assert lint(project) == ["params.yaml: spilt: no stage declares it"]


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("", "stages/split.py: wanted Params and main, got no Params and no main"),
        ("Params = None\n", "stages/split.py: wanted Params and main, got no main"),
        (None, "wanted the command `python -m stages.split ...` and stages/split.py"),
    ],
)
def test_a_script_that_is_no_stage_is_named(
    project: Path, script: str | None, problem: str
) -> None:
    path = project / "stages" / "split.py"
    if script is None:
        path.unlink()
    else:
        path.write_text(script)
    assert f"split: {problem}" in lint(project)


def test_a_file_written_outside_the_project_is_named(project: Path, tmp_path: Path) -> None:
    beyond = tmp_path.parent / "beyond.txt"
    script = project / "stages" / "split.py"
    script.write_text(script.read_text().replace(LOAD, f"{LOAD}    open({str(beyond)!r}, 'w')\n"))
    assert f"split: {beyond}: written, and not declared" in lint(project)
