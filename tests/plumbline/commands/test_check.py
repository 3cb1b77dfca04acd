"""The check finds stale results without data; with --full it compares them with a new run."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.exercise import STAGES

pytestmark = pytest.mark.slow


def check(clone: Clone, *arguments: str) -> tuple[int, list[str]]:
    done = clone.try_run("python", "-m", "plumbline", "check", *arguments)
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("branch", ["main", "better", "smaller", "stage"])
def test_a_branch_after_a_run_passes(branches: Clone, branch: str) -> None:
    fits = "check: dvc.lock, metrics and pictures fit the parameters and the scripts"
    assert check(branches, branch) == (0, [fits])


@pytest.mark.parametrize(
    ("branch", "lines"),
    [
        (
            "stale",
            [
                "train: params.yaml: train is modified",
                "validate: params.yaml: train is modified",
                "plot: params.yaml: train.lr is modified",
            ],
        ),
        ("script", ["train: stages/train.py is modified"]),
        ("module", ["train: stages/loop.py is modified", "validate: stages/loop.py is modified"]),
        ("command", ["verify: changed command"]),
        ("metric", ["evaluate: metrics.json is modified"]),
        ("picture", ["plot: plots/loss.png is modified"]),
        ("no-picture", ["plot: plots/loss.png is not in the commit; git add it"]),
        (
            "no-lock",
            [f"{name}: dvc.lock has no such stage" for name in STAGES],
        ),
        (
            "contradicted",
            [
                f"{name}: ran with another data/test.safetensors than dvc.lock has"
                for name in ("evaluate", "plot", "train", "verify")
            ],
        ),
        ("before", ["dvc.yaml: wanted stages, got none"]),
    ],
)
def test_each_stale_result_is_named_with_its_stage(
    branches: Clone, branch: str, lines: list[str]
) -> None:
    status, said = check(branches, branch)
    assert status == 1
    assert said[0] == "check: not what `dvc repro` would leave; run it and commit"
    assert sorted(said[1:]) == sorted(f"  {line}" for line in lines)


def test_a_comment_is_told_from_a_stale_result(branches: Clone) -> None:
    assert check(branches, "comment") == (
        1,
        [
            "check: not what `dvc repro` would leave; `make accept` and commit",
            "  train: only comments changed in stages/train.py: make accept",
        ],
    )


def test_an_uncommitted_edit_is_found_and_left_alone(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    clone.set_params({"plot.dpi": 90})
    assert check(clone) == (
        1,
        [
            "check: not what `dvc repro` would leave; run it and commit",
            "  plot: params.yaml: plot is modified",
        ],
    )
    assert clone.run("git", "status", "--porcelain") == " M params.yaml\n"


def test_results_that_are_not_committed_are_named(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    clone.set_params({"plot.dpi": 90})
    clone.run("dvc", "repro", "--quiet")
    status, lines = check(clone)
    assert status == 0
    assert lines[1].startswith("check: not committed yet: dvc.lock, params.yaml, plots/data.png, ")


@pytest.mark.parametrize("lines", [2, *(pytest.param(n, marks=pytest.mark.all) for n in (0, 10))])
def test_a_cut_lock_is_named_with_its_cure(
    branches: Clone, copy_of: Callable[[Clone], Clone], lines: int
) -> None:
    clone = copy_of(branches)
    lock = clone.path / "dvc.lock"
    lock.write_text("".join(lock.read_text().splitlines(True)[:lines])[:-1])
    status, (line,) = check(clone)
    assert status == 1
    assert line.startswith("check: dvc.lock: cut short, as a killed DVC leaves it; git checkout")
    clone.run("git", "checkout", "--quiet", "dvc.lock")
    assert check(clone)[0] == 0


@pytest.mark.all
def test_the_error_for_a_damaged_cache_object_says_how_to_repair_it(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    predictions = clone.path / "models" / "predictions.safetensors"
    whole = predictions.read_bytes()
    md5 = hashlib.md5(whole, usedforsecurity=False).hexdigest()
    stored = clone.path / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    stored.chmod(0o644)
    stored.write_bytes(whole[:-1] + b"!")
    stored.chmod(0o444)
    status, lines = check(clone)
    assert status == 1
    (line,) = lines[1:]
    assert line.startswith("  models/predictions.safetensors: damaged in the cache; delete it and ")
    Path(line.split(" and ")[1].removesuffix(", then dvc repro")).unlink()
    predictions.unlink()
    clone.repro()
    assert predictions.read_bytes() == whole
    assert check(clone)[0] == 0


@pytest.mark.all
def test_a_full_check_reports_how_far_forged_results_are_off(
    branches: Clone,
) -> None:
    assert check(branches, "forged")[0] == 0
    status, lines = check(branches, "forged", "--full")
    assert status == 1
    assert lines[1:] == [
        "check: a run from nothing gives something else",
        "  metrics.json: test_mae: 0.000647102 -> 0.00647102, by 0.00582",
        "  plots/loss.png: 1.000% of the pixels differ",
    ]
