"""The linter names the stage and the file of each difference between dvc.yaml and the code."""

import copy
import py_compile
import shutil
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import stages
from plumbline.commands import lint
from plumbline.core import tensors
from plumbline.core.errors import UserError
from plumbline.lint import declared
from tests.support.exercise import EXERCISE, INFO, ROOT, pipeline

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # in DVC

ENTRIES = yaml.safe_load(pipeline())["stages"]
LOAD = "    X, y, info = tensors.load_samples(samples_path)\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a project whose only stage is `split`."""
    monkeypatch.chdir(tmp_path)
    Path("stages").mkdir()
    for name in ("__init__.py", "split.py", "evaluate.py"):
        shutil.copy(ROOT / "stages" / name, "stages")
        py_compile.compile(f"stages/{name}")  # so that bytecode exists, as on most machines
    Path("plumbline").symlink_to(ROOT / "plumbline")
    Path("params.yaml").write_text(yaml.safe_dump({"split": EXERCISE["split"]}))
    versions = yaml.safe_load((ROOT / "versions.yaml").read_text())
    own = {name: versions[name] for name in ("msgspec", "numpy", "pyyaml", "safetensors")}
    Path("versions.yaml").write_text(yaml.safe_dump(own))
    keep("split")
    X = np.arange(10, dtype=np.float32)[:, None]
    for name in ("samples", "other"):
        tensors.save_samples(Path(f"data/{name}.safetensors"), X, X, INFO)
    return tmp_path


def keep(*names: str, **changes: Any) -> None:
    """Writes a dvc.yaml of only these stages, each with these entries changed."""
    found = {name: ENTRIES[name] | changes for name in names}
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": found}))


def problems(quick: bool = True) -> list[str]:
    """The lines that `make lint-pipeline` prints below its headline."""
    try:
        lint.main(Namespace(quick=quick))
    except SystemExit as error:
        return [line.removeprefix("  ") for line in str(error.code).splitlines()[1:]]
    return []


def add_line(line: str) -> None:
    """Adds a line to `main` in stages/split.py."""
    path, added = Path("stages/split.py"), f"    from pathlib import Path\n    {line}\n"
    path.write_text(path.read_text().replace(LOAD, LOAD + added))


@pytest.mark.parametrize(
    ("kind", "entry", "problem"),
    [
        ("deps", "-plumbline/core", "plumbline/core/files.py: imported, but not declared"),
        ("deps", "+plumbline/pictures", "plumbline/pictures/draw.py: declared, but not imported"),
        ("deps", "+data/none.csv", "data/none.csv: declared, but not read by cmd"),
        ("params", "-split", "split: read, but not declared"),
        ("params", "+plot.dpi", "plot.dpi: declared, but not read"),
        ("versions", "+torch", "versions.yaml: torch: declared, but not imported"),
        ("outs", "+data/more.csv", "data/more.csv: declared, but not written by cmd"),
    ],
)
def test_each_mistake_in_dvc_yaml_is_reported_with_correct_entries_to_paste(
    project: Path, kind: str, entry: str, problem: str
) -> None:
    stage = copy.deepcopy(ENTRIES["split"])
    entries = stage["params"][-1]["versions.yaml"] if kind == "versions" else stage[kind]
    (entries.remove if entry[0] == "-" else entries.append)(entry[1:])
    keep("split", **stage)
    lines = problems()
    assert f"split: {problem}" in lines
    if kind != "outs":
        pasted = yaml.safe_load("\n".join(lines[lines.index("split: wanted in dvc.yaml:") + 1 :]))
        keep("split", **pasted)
        assert problems() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("open('data/other.safetensors').close()", "data/other.safetensors: read, but not"),
        ("tensors.load(Path('data/other.safetensors'))",  # native code reads it
         "failed on its declared inputs: split: data/other.safetensors: wanted a safetensors file"),
        ("Path('data/more.csv').touch()", "data/more.csv: written, but not declared"),
        ("samples_path.open('ab').close()", "data/samples.safetensors: written, but not declared"),
        ("(Path.home() / 'beyond').touch()", "{home}/beyond: written, but not declared"),
        ("from plumbline import history", "plumbline/history.py: imported, but not declared"),
        ("import socket; socket.socket().connect_ex(('127.0.0.1', 9))",
         "used the network: socket.connect ('127.0.0.1', 9)"),
        ("import time; y = y * time.time()",
         "stages/split.py: imports time, so its result may depend on more than its inputs"),
    ],
)  # fmt: skip
def test_each_undeclared_action_of_a_stage_is_reported(
    project: Path, monkeypatch: pytest.MonkeyPatch, line: str, problem: str
) -> None:
    home = project.parent / f"{project.name}-home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    add_line(line)
    wanted = f"split: {problem.format(home=home)}"
    assert any(said.startswith(wanted) for said in problems(quick=False))


@pytest.mark.slow
def test_a_stage_finds_only_the_parameters_and_versions_that_it_declares(project: Path) -> None:
    keep("split", params=ENTRIES["split"]["params"][1:])
    assert "split: failed on its declared inputs: split: params.yaml: split: missing" in problems(
        quick=False
    )
    keep("split", params=["split"])
    add_line("import yaml; yaml.safe_load(open('versions.yaml'))['numpy']")
    assert "split: failed on its declared inputs: KeyError: 'numpy'" in problems(quick=False)


@pytest.mark.slow
def test_the_folders_for_the_outputs_of_a_stage_exist_when_it_runs(project: Path) -> None:
    cmd = ENTRIES["split"]["cmd"].replace("data/t", "own/t")
    keep("split", cmd=cmd, outs=["own/train.safetensors", "own/test.safetensors"])
    add_line("test_path.open('w').close()")
    assert problems(quick=False) == []


@pytest.mark.slow
def test_a_stage_that_needs_the_output_of_a_failed_stage_is_not_run(project: Path) -> None:
    keep("evaluate", "split")
    add_line("raise OSError('no')")
    assert problems(quick=False) == [
        "split: failed on its declared inputs: split: no",
        "evaluate: not run, since data/test.safetensors was not made",
    ]


@pytest.mark.parametrize(
    ("path", "line", "problem"),
    [
        ("params.yaml", "spilt: {}", "params.yaml: spilt: no stage declares it"),
        ("params.yaml", "own: {}", ""),  # read by a stage that is run by hand
        ("params.yaml", "own: {a: {size: 1}}", "params.yaml: size: wanted a different name"),
        ("versions.yaml", "torch: '2'", "versions.yaml: torch: no stage imports it"),
        ("stages/own.py", "import torch, tqdm",  # tqdm only prints, so its version is not needed
         "versions.yaml: lacks torch; type: python -m plumbline versions"),
    ],
)  # fmt: skip
def test_a_key_that_is_unused_or_missing_or_ignored_by_dvc_is_reported(
    project: Path, path: str, line: str, problem: str
) -> None:
    Path("stages/own.py").write_text("class Params:\n    own: int\n")
    with Path(path).open("a") as file:
        file.write(f"{line}\n")
    assert [said.startswith(problem) for said in problems()] == [True] * bool(problem)


def test_an_incomplete_stage_is_reported(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "__path__", [str(project / "stages")])
    Path("dvc.yaml").write_text("stages: {own: {cmd: python -m stages.own, deps: [stages/own.py]}}")
    assert "own: wanted the command `python -m stages.own ...` and stages/own.py" in problems()
    Path("stages/own.py").write_text("Params = None\n")
    assert "own: stages/own.py: wanted Params and main, got no main" in problems()


def test_a_dvc_yaml_that_dvc_refuses_raises_a_user_error(project: Path) -> None:
    with Path("dvc.yaml").open("a") as file:
        file.write("artifacts: {describe: {cmd: x, path: y}}\n")
    with pytest.raises(UserError, match=r"dvc\.yaml' validation failed: extra keys not allowed"):
        problems()


def test_parsed_stages_are_in_run_order_and_list_the_scripts_in_declared_folders(
    tmp_path: Path,
) -> None:
    (tmp_path / "core").mkdir()
    for name in ("core/files.py", "core/note.md"):
        (tmp_path / name).touch()
    second = {"cmd": "python second 'b c'", "deps": ["core", "a"], "metrics": [{"b c": {}}]}
    first = {"cmd": "python first", "params": ["x.y", {"versions.yaml": ["numpy"]}], "outs": ["a"]}
    text = yaml.safe_dump({"stages": {"second": second, "first": first}}, sort_keys=False)
    assert list(declared.parse(tmp_path, text).values()) == [
        ("first", ["python", "first"], set(), set(), ["x.y"], ["numpy"], ["a"]),
        ("second", ["python", "second", "b c"], {"core/files.py"}, {"a"}, [], [], ["b c"]),
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "wanted the stages of a pipeline, got none"),
        ("stages: {a: {deps: [b]}}", "wanted the stages of a pipeline, got: KeyError"),
        ('stages: {a: {cmd: "\'"}}', "wanted the stages .*No closing quotation"),
        ("stages: [", "while parsing a flow node"),
        (f"stages: {'[' * 10_000}", "maximum recursion depth exceeded"),
    ],
)
def test_a_file_without_valid_stages_is_refused(text: str, error: str) -> None:
    with pytest.raises(UserError, match=rf"^dvc\.yaml: {error}"):
        declared.parse(Path(), text)
