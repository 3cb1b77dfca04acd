"""In a subfolder of a repository, every command works, and considers only the project's files."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clone import Clone

pytestmark = pytest.mark.all

# The pictures that change with the number of epochs.
PICTURES = [f"plots/{name}.png" for name in ("landscape", "loss", "predictions", "validation")]


@pytest.fixture(scope="module", params=["its own", "the repository's"])
def worse(request: pytest.FixtureRequest, reproduced: Clone, share: Callable[..., Clone]) -> Clone:
    """A project in a subfolder: its commit has good results, its files come from too few epochs.

    The parameter decides whether `.dvc` is in the project or at the root of the repository.
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


def test_the_commands_report_the_changes_of_the_project_only(worse: Clone) -> None:
    gate = worse.try_run("python", "-m", "plumbline", "gate", "HEAD")
    assert gate.returncode == 1
    said = "gate: closed, compared with HEAD\n  validation_mae: Worse in 20 of 20 "
    assert gate.stdout.startswith(said)
    report = worse.run("python", "-m", "plumbline", "report", "HEAD", "--links", "https://a.b/raw")
    assert report.startswith("## 🔴 Worse in 20 of 20 trainings")
    assert "| `train.epochs` | `300` | `10` |" in report
    paths = re.findall(r"https://a.b/raw/[0-9a-f]{40}/([\w/.]*\.png)", report)
    assert {*paths} == {f"project/{path}" for path in PICTURES}
    summary = worse.run("python", "-m", "plumbline", "summary")
    assert "\nsince HEAD:     Worse in 20 of 20 " in summary
    plots = sorted([*PICTURES, "plots/history.csv", "plots/validation.csv"])
    names = ", ".join(["dvc.lock", "metrics.json", "params.yaml", *plots])
    check = worse.run("python", "-m", "plumbline", "check", "--full").splitlines()
    assert check[1] == f"check: not committed yet: {names}"
    assert check[-1] == "check: a clean run gives the same bytes"
