"""The check finds what `dvc repro` would change, without data, and what a run gives otherwise."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clone import Clone
from tools.check import contradictions


def check(clone: Clone, *arguments: str) -> tuple[int, list[str]]:
    done = clone.try_run("python", "-m", "tools.check", *arguments)
    return done.returncode, done.stdout.splitlines()


@pytest.mark.pipeline
@pytest.mark.parametrize("branch", ["main", "better", "smaller", "stage"])
def test_what_a_run_left_holds(branches: Clone, branch: str) -> None:
    fits = "check: dvc.lock, metrics and pictures fit the parameters and the scripts"
    assert check(branches, branch) == (0, [fits])


@pytest.mark.pipeline
@pytest.mark.parametrize(
    ("branch", "lines"),
    [
        (
            "stale",
            ["train: params.yaml: train is modified", "plot: params.yaml: train.lr is modified"],
        ),
        ("script", ["train: stages/train.py is modified"]),
        ("command", ["verify: changed command"]),
        ("metric", ["evaluate: metrics.json is modified"]),
        ("picture", ["plot: plots/loss.png is modified"]),
        ("no-picture", ["plot: plots/loss.png is deleted"]),
        (
            "no-lock",
            [
                f"{name}: dvc.lock has no such stage"
                for name in ("generate", "split", "train", "evaluate", "plot", "verify")
            ],
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
def test_what_a_run_would_change_is_named_with_its_stage(
    branches: Clone, branch: str, lines: list[str]
) -> None:
    status, said = check(branches, branch)
    assert status == 1
    assert said[0] == "check: not what `dvc repro` would leave"
    assert sorted(said[1:]) == sorted(f"  {line}" for line in lines)


@pytest.mark.pipeline
def test_an_edit_that_is_not_committed_yet_is_found_and_left_alone(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    clone.set_params({"plot.dpi": 90})
    assert check(clone) == (
        1,
        ["check: not what `dvc repro` would leave", "  plot: params.yaml: plot is modified"],
    )
    assert clone.run("git", "status", "--porcelain") == " M params.yaml\n"


@pytest.mark.pipeline
def test_a_damaged_object_in_the_cache_is_named_with_what_heals_it(
    branches: Clone, copy_of: Callable[[Clone], Clone]
) -> None:
    clone = copy_of(branches)
    history = clone.path / "models" / "history.csv"
    whole = history.read_bytes()
    md5 = hashlib.md5(whole, usedforsecurity=False).hexdigest()
    stored = clone.path / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    stored.chmod(0o644)
    stored.write_bytes(whole.replace(b"0", b"1", 1))
    stored.chmod(0o444)
    status, lines = check(clone)
    assert status == 1
    (line,) = lines[1:]
    assert line.startswith("  models/history.csv: damaged in the cache; delete it and ")
    Path(line.split(" and ")[1].removesuffix(", then dvc repro")).unlink()
    history.unlink()
    clone.repro()
    assert history.read_bytes() == whole
    assert check(clone)[0] == 0


@pytest.mark.pipeline
def test_a_run_from_nothing_gives_the_same_bytes(branches: Clone) -> None:
    status, lines = check(branches, "--full")
    assert (status, lines[-1]) == (0, "check: a run from nothing gives the same bytes")


@pytest.mark.pipeline
def test_a_metric_and_a_picture_that_no_run_gives_are_named_with_how_far_they_are_off(
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


def test_a_lock_that_agrees_with_itself_has_no_contradiction() -> None:
    def lock(made: str, used: str) -> dict[str, object]:
        return {
            "make": {"outs": [{"path": "a", "md5": made}]},
            "use": {"deps": [{"path": "a", "md5": used}, {"path": "b.py", "md5": "3"}]},
        }

    assert list(contradictions(lock("1", "1"))) == []
    assert list(contradictions(lock("1", "2"))) == ["use: ran with another a than dvc.lock has"]
