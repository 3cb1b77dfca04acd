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


@pytest.fixture(scope="session", params=["its own", "the repository's"])
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


own = pytest.mark.parametrize("worse", ["its own"], indirect=True)
above = pytest.mark.parametrize("worse", ["the repository's"], indirect=True)


def plumbline(clone: Clone, *arguments: str) -> tuple[int, str]:
    done = clone.try_run("python", "-m", "plumbline", *arguments)
    return done.returncode, done.stdout


def test_the_gate_is_closed_for_a_worse_result(worse: Clone) -> None:
    status, said = plumbline(worse, "gate", "HEAD")
    assert status == 1
    assert said.startswith("gate: closed, compared with HEAD\n  validation_mae: Worse in 20 of 20 ")
    assert len(said.splitlines()) == 3


def test_the_report_shows_the_projects_parameters_metrics_and_pictures(worse: Clone) -> None:
    status, said = plumbline(worse, "report", "HEAD", "--links", "https://example.org/o/n/raw")
    assert status == 0
    assert said.startswith("## 🔴 Worse in 20 of 20 trainings")
    assert "| `train.epochs` | `300` | `10` |" in said
    assert "- **Results**: made with these parameters and scripts" in said
    paths = re.findall(r"https://example.org/o/n/raw/[0-9a-f]{40}/([\w/.]*\.png)", said)
    assert {*paths} == {f"project/{path}" for path in PICTURES}


def test_the_check_names_what_is_not_committed_of_the_project(worse: Clone) -> None:
    status, said = plumbline(worse, "check")
    plots = sorted([*PICTURES, "plots/history.csv", "plots/validation.csv"])
    names = ", ".join(["dvc.lock", "metrics.json", "params.yaml", *plots])
    assert (status, said.splitlines()[1]) == (0, f"check: not committed yet: {names}")


@above
def test_a_run_from_nothing_gives_the_same_bytes(worse: Clone) -> None:
    status, said = plumbline(worse, "check", "--full")
    assert (status, said.splitlines()[-1]) == (0, "check: a clean run gives the same bytes")


@own
def test_the_summary_compares_with_the_projects_last_commit(worse: Clone) -> None:
    assert "\nsince HEAD:     Worse in 20 of 20 " in plumbline(worse, "summary")[1]


@own
def test_the_first_commit_of_a_project_has_nothing_to_compare_with(worse: Clone) -> None:
    assert "Not judged: one training only" in plumbline(worse, "report", "HEAD~1")[1]


@own
def test_an_experiment_is_run_applied_and_reported(worse: Clone, tmp_path: Path) -> None:
    shutil.copytree(worse.path.parent, tmp_path / "copy", symlinks=True)
    clone = Clone(tmp_path / "copy" / "project")
    clone.run("git", "restore", ".")
    clone.run("dvc", "exp", "run", "--temp", "--name", "trial", "-S", "train.lr=0.02")
    clone.run("dvc", "exp", "apply", "trial")
    assert " D " not in clone.run("git", "status", "--porcelain", ".")
    assert "| `train.lr` | `0.01` | `0.02` |" in plumbline(clone, "report", "HEAD")[1]
