"""Experiments and merges work as the README shows them."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clone import ROOT, Clone

pytestmark = pytest.mark.slow


def readme_command(start: str) -> list[str]:
    """The command of the README that starts with these words."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(rf"(?m)^    ({start}.*?)(?:  +#.*)?$", readme)
    return shlex.split(line)


def test_an_experiment_can_be_run_compared_applied_and_turned_into_a_branch(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    clone.run("dvc", "exp", "run", "--temp", "--name", "trial", "-S", "train.lr=0.02")
    assert clone.run("git", "status", "--porcelain") == ""
    difference = clone.run("dvc", "exp", "diff", "main", "trial", "--md")
    assert "| main | trial |" in " ".join(difference.split())
    assert "train.lr" in difference
    header, *_, last = clone.run(*readme_command("dvc exp show"), "--csv").splitlines()
    assert last.startswith("trial,")
    metrics = list(json.loads((clone.path / "metrics.json").read_text()))
    assert header.split(",")[-len(metrics) - 1 :] == [*metrics, "train.lr"]

    clone.run("dvc", "exp", "apply", "trial")
    changed = clone.run("git", "status", "--porcelain").split()[1::2]
    names = ("history.csv", "landscape.png", "loss.png", "predictions.png")
    plots = [f"plots/{name}" for name in names]
    assert changed == ["dvc.lock", "metrics.json", "params.yaml", *plots]

    clone.run("dvc", "exp", "branch", "trial", "lr-0.02")
    clone.run("python", "-m", "plumbline", "check", "lr-0.02")
    report = clone.run("python", "-m", "plumbline", "report", "main", "lr-0.02")
    assert "\n| `train.lr` | `0.01` | `0.02` |\n" in report


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


def test_a_fresh_clone_without_a_cache_compares_the_curves_of_two_branches(
    branches: Clone, tmp_path: Path
) -> None:
    branches.run("git", "clone", "--quiet", "--branch=faster", ".", str(tmp_path / "fresh"))
    fresh = Clone(tmp_path / "fresh")
    said = fresh.run("dvc", "plots", "diff", "origin/main", "HEAD", "--out", str(tmp_path / "out"))
    assert "failed to load" not in said
    page = (tmp_path / "out" / "index.html").read_text()
    for loss in ("0.12756133079528809", "Training and testing loss"):
        assert loss in page
