"""`make gate` passes a branch that is no worse, and otherwise prints one line per reason."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from plumbline.commands import gate
from tests.support.clone import Clone
from tests.support.exercise import GATE, ROOT
from tests.support.trainings import make_trainings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A repository with repeated trainings; see tests/support/trainings.py."""
    return make_trainings(tmp_path_factory.mktemp("trainings") / "plumbline")


@pytest.fixture
def judge(
    trainings: Clone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[bool, list[str]]]:
    """Runs the gate on two branches: whether it is open, and what it says."""
    monkeypatch.chdir(trainings.path)

    def judge(base: str, head: str) -> tuple[bool, list[str]]:
        try:
            gate.main(Namespace(base=base, head=head))
        except SystemExit as end:
            return False, str(end).splitlines()
        return True, capsys.readouterr().out.splitlines()

    return judge


@pytest.mark.parametrize(
    ("branch", "said"),
    [
        ("better", "Better in 20 of 20 trainings, by half"),
        ("unclear", "No clear difference: better in 11 of 20 trainings, worse in 9"),
        ("main", "No clear difference: the same in all 20 trainings"),
        ("few", "Too few to judge: 5 pairs of trainings, 6 needed"),
        ("other-samples", "Not compared: other samples, or another split"),
        ("one-training", "Not judged: one training only"),
    ],
)
def test_a_branch_that_is_no_worse_passes(
    judge: Callable[..., object], branch: str, said: str
) -> None:
    assert judge("main", branch) == (
        True,
        ["gate: open, compared with main", f"  validation_mae: {said}"],
    )


@pytest.mark.parametrize(
    ("branch", "said"),
    [
        ("worse", ["validation_mae: Worse in 20 of 20 trainings, by half"]),
        (
            "beyond",
            [
                "validation_mae: Worse in 20 of 20 trainings, to 4 times the error",
                "validation_mae is beyond its limit: 0.08 (limit 0.05)",
            ],
        ),
        (
            "diverged",
            [
                "validation_mae: Worse in 15 of 20 trainings, the same in 5; 15 diverged",
                "validation_mae is beyond its limit: inf (limit 0.05)",
            ],
        ),
    ],
)
def test_a_branch_that_is_worse_or_beyond_a_limit_fails(
    judge: Callable[..., object], branch: str, said: list[str]
) -> None:
    lines = ["gate: closed, compared with main", *[f"  {line}" for line in said]]
    assert judge("main", branch) == (False, lines)


def test_a_limit_closes_the_gate_also_of_other_samples_or_of_the_same_commit(
    judge: Callable[..., tuple[bool, list[str]]],
) -> None:
    for base in ("other-samples", "beyond", "one-training"):
        is_open, lines = judge(base, "beyond")
        assert not is_open
        assert lines[1:] == ["  validation_mae is beyond its limit: 0.08 (limit 0.05)"]


def test_a_clone_without_a_cache_judges_its_working_tree(trainings: Clone, tmp_path: Path) -> None:
    trainings.run("git", "clone", "--quiet", "--branch=main", ".", str(tmp_path / "fork"))
    fork = Clone(tmp_path / "fork", PYTHONPATH=str(ROOT))
    fork.run("git", "checkout", "--quiet", "origin/worse", "--", "plots", "metrics.json")
    done = fork.try_run("python", "-m", "plumbline", "gate", "origin/main")
    assert done.returncode == 1
    assert "Worse in 20 of 20 trainings" in done.stdout


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
