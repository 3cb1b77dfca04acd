"""A project in a folder of a repository works with every command, and is judged alone."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clone import Clone

pytestmark = pytest.mark.all

# Those that fewer epochs change.
PICTURES = [f"plots/{name}.png" for name in ("landscape", "loss", "predictions", "validation")]


@pytest.fixture(scope="module", params=["its own", "the repository's"])
def worse(request: pytest.FixtureRequest, reproduced: Clone, share: Callable[..., Clone]) -> Clone:
    """The folder of a project that has run with too few epochs; its last commit is the exercise.

    The parameter says whose `.dvc` the project has.
    """
    above = request.param == "the repository's"

    def make(path: Path) -> None:
        (path / "project").mkdir(parents=True)
        shutil.copytree(reproduced.path, path / "project", symlinks=True, dirs_exist_ok=True)
        for name in (".git", ".dvc")[: 1 + above]:
            shutil.move(path / "project" / name, path / name)
        (path / "note").write_text("old")
        Clone(path).commit("The project in a folder")
        (path / "note").write_text("new")
        inside = Clone(path / "project")
        inside.set_params({"train.epochs": 10})
        inside.run("dvc", "repro", "--quiet")

    return Clone(share("above" if above else "inside", make).path / "project")


def plumbline(clone: Clone, *arguments: str) -> tuple[int, str]:
    done = clone.try_run("python", "-m", "plumbline", *arguments)
    return done.returncode, done.stdout


def test_the_gate_and_the_summary_say_that_the_result_is_worse(worse: Clone) -> None:
    status, said = plumbline(worse, "gate", "HEAD")
    assert status == 1
    assert said.startswith("gate: closed, compared with HEAD\n  validation_mae: Worse in 20 of 20 ")
    assert "\nsince HEAD:     Worse in 20 of 20 " in plumbline(worse, "summary")[1]


def test_the_report_shows_the_projects_parameters_metrics_and_pictures(worse: Clone) -> None:
    status, said = plumbline(worse, "report", "HEAD", "--links", "https://example.org/o/n/raw")
    assert status == 0
    assert said.startswith("## 🔴 Worse in 20 of 20 trainings")
    assert "| `train.epochs` | `300` | `10` |" in said
    paths = re.findall(r"https://example.org/o/n/raw/[0-9a-f]{40}/([\w/.]*\.png)", said)
    assert {*paths} == {f"project/{path}" for path in PICTURES}


@pytest.mark.parametrize("worse", ["the repository's"], indirect=True)
def test_the_check_names_what_is_not_committed_of_the_project(worse: Clone) -> None:
    status, said = plumbline(worse, "check", "--full")
    plots = sorted([*PICTURES, "plots/history.csv", "plots/validation.csv"])
    names = ", ".join(["dvc.lock", "metrics.json", "params.yaml", *plots])
    assert (status, said.splitlines()[1]) == (0, f"check: not committed yet: {names}")
    assert said.splitlines()[-1] == "check: a clean run gives the same bytes"
