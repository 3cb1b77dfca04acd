"""Experiments and merges work as the README shows them."""

from collections.abc import Callable

import pytest

from tests.support.clone import Clone

pytestmark = pytest.mark.slow


def test_an_experiment_can_be_run_compared_applied_and_turned_into_a_branch(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    clone.run("dvc", "exp", "run", "--temp", "--name", "trial", "-S", "train.lr=0.02")
    assert clone.run("git", "status", "--porcelain") == ""
    difference = clone.run("dvc", "exp", "diff", "main", "trial", "--md")
    assert "| main | trial |" in " ".join(difference.split())
    assert "train.lr" in difference
    assert "trial" in clone.run("dvc", "exp", "show", "--only-changed", "--md")

    clone.run("dvc", "exp", "apply", "trial")
    changed = clone.run("git", "status", "--porcelain").split()[1::2]
    pictures = [f"plots/{name}.png" for name in ("landscape", "loss", "predictions")]
    assert changed == ["dvc.lock", "metrics.json", "params.yaml", *pictures]

    clone.run("dvc", "exp", "branch", "trial", "lr-0.02")
    clone.run("python", "-m", "tools.check", "lr-0.02")
    report = clone.run("python", "-m", "tools.report", "main", "lr-0.02")
    assert report.startswith("## 🟡 Mixed: better on `test_mae`")


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
    clone.run("python", "-m", "tools.check")
    report = clone.run("python", "-m", "tools.report", "HEAD^")
    assert "\n| `plot.dpi` | `100` | `90` |\n" in report
    assert "\n- ran: `plot`\n" in report
