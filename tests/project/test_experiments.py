"""Experiments and merges work as the README shows them."""

import pytest

from tests.support.clone import Clone

pytestmark = pytest.mark.all


def test_an_experiment_in_a_copy_can_be_applied_and_turned_into_a_branch(
    branched: Clone,
) -> None:
    branched.run("dvc", "exp", "run", "--temp", "--name", "trial", "-S", "train.lr=0.03")
    assert branched.run("git", "status", "--porcelain") == ""
    branched.run("dvc", "exp", "apply", "trial")
    changed = branched.run("git", "status", "--porcelain").split()[1::2]
    pictures = ("landscape.png", "loss.png", "predictions.png")
    plots = [f"plots/{name}" for name in ("history.csv", *pictures, "validation.csv")]
    assert {*plots, "dvc.lock", "metrics.json", "params.yaml"} <= {*changed}

    branched.run("dvc", "exp", "branch", "trial", "lr-0.03")
    branched.run("python", "-m", "plumbline", "check", "lr-0.03")
    report = branched.run("python", "-m", "plumbline", "report", "main", "lr-0.03")
    assert "| `train.lr` | `0.01` | `0.03` |" in report


def test_taking_one_side_and_running_dvc_repro_resolves_a_conflict(
    branched: Clone,
) -> None:
    branched.run("git", "checkout", "--quiet", "better")
    merge = branched.try_run("git", "merge", "smaller")
    assert "CONFLICT (content): Merge conflict in dvc.lock" in merge.stdout

    branched.run("git", "checkout", "--ours", "dvc.lock", "metrics.json", "plots")
    assert branched.repro() == ["plot"]
    branched.run("git", "commit", "--all", "--no-edit")
    branched.run("python", "-m", "plumbline", "check")
    report = branched.run("python", "-m", "plumbline", "report", "HEAD^")
    assert "\n| `plot.dpi` | `100` | `90` |\n" in report
    assert "\n- ran: `plot`\n" in report
