"""The check finds stale results without data; with --full it compares them with a new run."""

import hashlib
from argparse import Namespace
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest

from plumbline.commands import check as command
from tests.support.clone import Clone
from tests.support.exercise import STAGES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning"),  # in DVC
]

FITS = "check: dvc.lock, metrics and pictures fit the parameters and the scripts"
Check = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def check(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Check:
    """Runs the check in a clone: the status, and what it says."""

    def check(clone: Clone, head: str | None = None, full: bool = False) -> tuple[int, list[str]]:
        capsys.readouterr()  # what the test has printed
        for name, value in clone.environment.items():
            monkeypatch.setenv(name, value)
        try:
            with chdir(clone.path):
                command.main(Namespace(head=head, full=full))
        except (SystemExit, ValueError) as end:
            return 1, [*capsys.readouterr().out.splitlines(), *str(end).splitlines()]
        return 0, capsys.readouterr().out.splitlines()

    return check


@pytest.mark.parametrize("branch", ["main", "stage"])
def test_a_branch_after_a_run_passes(branches: Clone, check: Check, branch: str) -> None:
    assert check(branches, branch) == (0, [FITS])


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
        ("command", ["verify: changed command"]),
        ("metric", ["evaluate: metrics.json is modified"]),
        ("no-picture", ["plot: plots/loss.png is not in the commit; git add it"]),
        ("no-lock", [f"{name}: dvc.lock has no such stage" for name in STAGES]),
        (
            "contradicted",
            [
                f"{name}: ran with a different data/test.safetensors than dvc.lock has"
                for name in ("evaluate", "plot", "train", "verify")
            ],
        ),
        ("before", ["dvc.yaml: wanted stages, got none"]),
    ],
)
def test_each_stale_result_is_named_with_its_stage(
    branches: Clone, check: Check, branch: str, lines: list[str]
) -> None:
    status, said = check(branches, branch)
    assert status == 1
    assert said[0] == (
        "check: stages have not run since these changes; type: dvc repro, then commit"
    )
    assert sorted(said[1:]) == sorted(f"  {line}" for line in lines)


def test_a_comment_is_told_from_a_stale_result(branches: Clone, check: Check) -> None:
    assert check(branches, "comment") == (
        1,
        [
            "check: stages have not run since these changes; type: make accept, then commit",
            "  train: only comments changed in stages/train.py: make accept",
        ],
    )


def test_an_edit_and_results_that_are_not_committed_are_named(
    branched: Clone, check: Check
) -> None:
    branched.set_params({"plot.dpi": 90})
    status, lines = check(branched)
    assert (status, lines[1:]) == (1, ["  plot: params.yaml: plot is modified"])
    assert branched.run("git", "status", "--porcelain") == " M params.yaml\n"
    branched.reproduce("plot")
    status, lines = check(branched)
    assert (status, lines[0]) == (0, FITS)
    assert lines[1].startswith("check: not committed yet: dvc.lock, params.yaml, plots/data.png, ")


def test_the_model_of_another_branch_on_disk_is_named_with_the_cure(
    branched: Clone, check: Check
) -> None:
    branched.run("git", "checkout", "--quiet", "better")
    model, predictions = (f"models/{name}.safetensors" for name in ("model", "predictions"))
    other = "on disk is not the one of this commit; dvc checkout"
    lines = [f"check: {model} {other}", f"check: {predictions} {other}"]
    assert check(branched) == (0, [FITS, *lines])
    branched.run("dvc", "checkout", "--quiet")
    assert check(branched) == (0, [FITS])


@pytest.mark.parametrize("lines", [2, 0, 10])
def test_a_cut_lock_is_named_with_its_cure(branched: Clone, check: Check, lines: int) -> None:
    lock = branched.path / "dvc.lock"
    lock.write_text("".join(lock.read_text().splitlines(True)[:lines])[:-1])
    status, (line,) = check(branched)
    assert status == 1
    assert line.startswith("dvc.lock: cut short, as a killed DVC leaves it; git checkout dvc.lock")


@pytest.mark.all
def test_the_error_for_a_damaged_cache_object_says_how_to_repair_it(
    branched: Clone, check: Check
) -> None:
    predictions = branched.path / "models" / "predictions.safetensors"
    whole = predictions.read_bytes()
    md5 = hashlib.md5(whole, usedforsecurity=False).hexdigest()
    stored = branched.path / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    stored.chmod(0o644)
    stored.write_bytes(whole[:-1] + b"!")
    stored.chmod(0o444)
    status, (_, line) = check(branched)
    assert status == 1
    assert line.startswith("  models/predictions.safetensors: damaged in the cache; delete it and ")
    Path(line.split(" and ")[1].removesuffix(", then dvc repro")).unlink()
    predictions.unlink()
    branched.repro()
    assert predictions.read_bytes() == whole
    assert check(branched) == (0, [FITS])


@pytest.mark.all
def test_a_full_check_reports_how_far_forged_results_are_off(branches: Clone, check: Check) -> None:
    assert check(branches, "forged")[0] == 0
    assert check(branches, "forged", full=True) == (
        1,
        [
            FITS,
            "check: a clean run gives different results",
            "  metrics.json: test_mae: 0.000647102 -> 0.00647102, by 0.00582",
            "  plots/loss.png: 1.000% of the pixels differ",
        ],
    )
