"""The gate judges each metric by its direction, tolerance and limit, and by nothing else."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plumbline.review.diffs import Change
from tests.clone import ROOT, Clone
from tests.exercise import GATE
from tools import gate
from tools.gate import Gate, Metric, Pictures, complaints, judge

LOWER = Metric(better="lower", tolerance=0.1, limit=2)
HIGHER = Metric(better="higher", tolerance=0.1, limit=0.5)
NEITHER = Metric(better="neither", tolerance=0.1)


@pytest.mark.parametrize(
    ("metric", "old", "new", "verdict"),
    [
        (LOWER, 1.0, 0.5, "better"),
        (LOWER, 0.5, 1.0, "worse"),
        (HIGHER, 0.5, 1.0, "better"),
        (HIGHER, 1.0, 0.5, "worse"),
        (LOWER, 1.0, 1.0625, "same"),
        (LOWER, 1.0, 1.125, "worse"),
        (HIGHER, 1.0, 0.9375, "same"),
        (NEITHER, 1.0, 9.0, "unjudged"),
        (None, 1.0, 9.0, "unjudged"),
        (LOWER, None, 1.0, "new"),
        (LOWER, math.nan, 1.0, "new"),
        (LOWER, 1.0, None, "worse"),
        (LOWER, 1.0, math.nan, "worse"),
        (HIGHER, 1.0, math.inf, "worse"),
        (LOWER, 1.0, "0.5", "worse"),
        (LOWER, 1.0, True, "worse"),
    ],
)
def test_a_metric_is_judged_by_its_direction_and_its_tolerance(
    metric: Metric | None, old: Any, new: Any, verdict: str
) -> None:
    assert judge(metric, old, new) == verdict


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (1.0, 1.5, ["x got worse: 1.0 -> 1.5 (by 0.5, tolerance 0.1)"]),
        (3.0, 2.5, ["x is beyond its limit: 2.5 (limit 2)"]),
        (None, 2.5, ["x is beyond its limit: 2.5 (limit 2)"]),
        (1.0, None, ["x got worse: 1.0 -> None (wanted a finite number)"]),
        (1.0, 2.0, ["x got worse: 1.0 -> 2.0 (by 1, tolerance 0.1)"]),
        (2.0, 1.0, []),
    ],
)
def test_what_got_worse_or_is_beyond_its_limit_is_named(
    old: Any, new: Any, lines: list[str]
) -> None:
    rules = Gate(metrics={"x": LOWER}, pictures=Pictures(tolerance=0))
    assert complaints(rules, [Change("x", old, new)]) == lines


def test_a_metric_that_no_revision_has_is_a_typo() -> None:
    rules = Gate(metrics={"x": LOWER, "y": LOWER}, pictures=Pictures(tolerance=0))
    with pytest.raises(ValueError, match="^gate.yaml: y: no revision has a metric of this name$"):
        complaints(rules, [Change("x", 1.0, 1.0)])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    limit:", "    limitt:", r"test_mae: Object contains unknown field `limitt`$"),
        ("better: lower", "better: less", "test_mae: Invalid enum value 'less'"),
        ("tolerance: 1e-6", "tolerance: small", "test_mae: Expected `float`, got `str`"),
        ("tolerance: 1e-6", "tolerance: -1", "Expected `float` >= 0.0"),
        ("pictures:", "picture:", "missing required field `pictures`|unknown field `picture`"),
        ("metrics:", "metrics: [", "gate.yaml"),
        ("better: neither", "better: neither, limit: 1", "wanted better: lower or higher"),
    ],
)
def test_a_mistake_in_the_gate_file_is_named(
    folder: Path, old: str, new: str, message: str
) -> None:
    assert old in GATE
    Path("gate.yaml").write_text(GATE.replace(old, new, 1))
    with pytest.raises(ValueError, match="^gate.yaml: ") as caught:
        gate.load()
    assert caught.match(message)


@pytest.mark.pipeline
@pytest.mark.parametrize("branch", ["main", "better", "smaller", "before"])
def test_the_gate_is_open_to_what_is_no_worse(branches: Clone, branch: str) -> None:
    base, head = ("before", "main") if branch == "before" else ("main", branch)
    done = branches.try_run("python", "-m", "tools.gate", base, head)
    assert (done.returncode, done.stdout) == (
        0,
        f"gate: no metric is worse than in {base} or beyond its limit\n",
    )


@pytest.mark.pipeline
def test_the_gate_is_shut_to_what_is_worse(branches: Clone) -> None:
    done = branches.try_run("python", "-m", "tools.gate", "main", "worse")
    assert done.returncode == 1
    headline, *lines = done.stdout.splitlines()
    assert headline == "gate: worse than main"
    assert any(line.startswith("  test_mae is beyond its limit: 0.1") for line in lines)
    assert [line.split()[0] for line in lines if " got worse: " in line] == [
        "bias_error", "test_mae", "test_max_error", "test_rmse", "train_mae", "weight_error"
    ]  # fmt: skip


@pytest.mark.pipeline
def test_the_gate_judges_the_working_tree(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    clone.edit("metrics.json", '"test_mae": 0.00', '"test_mae": 0.01')
    done = clone.try_run("python", "-m", "tools.gate", "main")
    assert done.returncode == 1
    assert "test_mae got worse: 0.00647102 -> 0.01647102" in done.stdout


@pytest.mark.pipeline
def test_a_clone_without_a_cache_is_judged_alike(branches: Clone, tmp_path: Path) -> None:
    branches.run("git", "clone", "--quiet", "--branch=worse", ".", str(tmp_path / "fork"))
    done = Clone(tmp_path / "fork").try_run("python", "-m", "tools.gate", "origin/main")
    assert done.returncode == 1
    assert "test_mae got worse" in done.stdout


@pytest.mark.pipeline
@pytest.mark.parametrize("tool", ["gate", "report", "check"])
def test_an_unknown_revision_and_no_repository_are_one_line(
    branches: Clone, tmp_path: Path, tool: str
) -> None:
    done = branches.try_run("python", "-m", f"tools.{tool}", "--", "--nosuch")
    assert (done.returncode, done.stdout) == (
        1,
        f"{tool}: --nosuch: no such revision in this repository\n",
    )
    outside = Clone(tmp_path, PYTHONPATH=str(ROOT), GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    (tmp_path / "gate.yaml").write_text(GATE)
    done = outside.try_run("python", "-m", f"tools.{tool}", "main")
    assert done.returncode == 1
    assert done.stdout.startswith(f"{tool}: fatal: not a git repository")
    assert done.stdout.count("\n") == 1
