"""`make gate` passes a branch that is no worse, and otherwise prints one line per reason."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.exercise import GATE, ROOT

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("branch", ["main", "better", "faster", "smaller", "before"])
def test_a_branch_that_is_no_worse_passes(branches: Clone, branch: str) -> None:
    base, head = ("before", "main") if branch == "before" else ("main", branch)
    done = branches.try_run("python", "-m", "plumbline", "gate", base, head)
    assert (done.returncode, done.stdout) == (
        0,
        f"gate: no metric that decides is worse than in {base}, or beyond its limit\n",
    )


def test_a_worse_branch_fails(branches: Clone) -> None:
    done = branches.try_run("python", "-m", "plumbline", "gate", "main", "worse")
    assert done.returncode == 1
    headline, *lines = done.stdout.splitlines()
    assert headline == "gate: worse than main"
    assert any(line.startswith("  test_mae is beyond its limit: 0.1") for line in lines)
    assert [line.split()[0] for line in lines if " got worse: " in line] == ["test_mae"]


@pytest.mark.all
def test_metrics_of_other_data_are_not_compared(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    clone.set_params({"generate.noise": 0.01})
    clone.run("dvc", "repro", "--quiet")
    done = clone.try_run("python", "-m", "plumbline", "gate", "main")
    assert (done.returncode, done.stdout) == (
        0,
        "gate: other data than in main, not compared; no metric beyond its limit\n",
    )
    report = clone.run("python", "-m", "plumbline", "report", "main")
    assert report.startswith("## ⚪ Other data: not compared\n\nWith `generate.noise` ")


def test_the_gate_judges_the_working_tree(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    clone.edit("metrics.json", '"test_mae": 0.00', '"test_mae": 0.01')
    done = clone.try_run("python", "-m", "plumbline", "gate", "main")
    assert done.returncode == 1
    assert "test_mae got worse: 0.00647102 -> 0.01647102" in done.stdout


def test_a_clone_without_a_cache_gets_the_same_verdict(branches: Clone, tmp_path: Path) -> None:
    branches.run("git", "clone", "--quiet", "--branch=worse", ".", str(tmp_path / "fork"))
    done = Clone(tmp_path / "fork").try_run("python", "-m", "plumbline", "gate", "origin/main")
    assert done.returncode == 1
    assert "test_mae got worse" in done.stdout


@pytest.mark.parametrize("tool", ["gate", "report", "check"])
def test_an_unknown_revision_or_a_missing_repository_is_one_line(
    branches: Clone, tmp_path: Path, tool: str
) -> None:
    done = branches.try_run("python", "-m", "plumbline", tool, "--", "--nosuch")
    assert (done.returncode, done.stdout) == (
        1,
        f"{tool}: --nosuch: no such revision in this repository\n",
    )
    outside = Clone(tmp_path, PYTHONPATH=str(ROOT), GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    (tmp_path / "gate.yaml").write_text(GATE)
    done = outside.try_run("python", "-m", "plumbline", tool, "main")
    assert done.returncode == 1
    assert done.stdout.startswith(f"{tool}: fatal: not a git repository")
    assert done.stdout.count("\n") == 1
