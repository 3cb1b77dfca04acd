"""Experiments and merges work as the README shows them."""

from collections.abc import Callable

import pytest

from tests.support.clone import Clone

pytestmark = pytest.mark.all


def test_an_experiment_in_a_copy_can_be_applied_and_turned_into_a_branch(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    clone.run("dvc", "exp", "run", "--temp", "--name", "trial", "-S", "train.lr=0.03")
    assert clone.run("git", "status", "--porcelain") == ""
    clone.run("dvc", "exp", "apply", "trial")
    changed = clone.run("git", "status", "--porcelain").split()[1::2]
    names = ("history.csv", "landscape.png", "loss.png", "predictions.png")
    plots = [f"plots/{name}" for name in names]
    assert changed == ["dvc.lock", "metrics.json", "params.yaml", *plots]

    clone.run("dvc", "exp", "branch", "trial", "lr-0.03")
    clone.run("python", "-m", "plumbline", "check", "lr-0.03")
    report = clone.run("python", "-m", "plumbline", "report", "main", "lr-0.03")
    assert "| `train.lr` | `0.01` | `0.03` |" in report


def test_taking_one_side_and_running_dvc_repro_resolves_a_conflict(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    clone.run("git", "checkout", "--quiet", "better")
    merge = clone.try_run("git", "merge", "smaller")
    assert "CONFLICT (content): Merge conflict in dvc.lock" in merge.stdout

    clone.run("git", "checkout", "--ours", "dvc.lock", "metrics.json", "plots")
    assert clone.repro() == ["plot"]
    clone.run("git", "commit", "--all", "--no-edit")
    clone.run("python", "-m", "plumbline", "check")
    report = clone.run("python", "-m", "plumbline", "report", "HEAD^")
    assert "\n| `plot.dpi` | `100` | `90` |\n" in report
    assert "\n- ran: `plot`\n" in report
