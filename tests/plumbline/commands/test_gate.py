"""`make gate` passes a branch that is no worse, and otherwise prints one line per reason."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from plumbline.commands import gate
from tests.support.clone import Clone
from tests.support.exercise import GATE, ROOT

pytestmark = pytest.mark.slow

Judge = Callable[[str, str | None], tuple[int, list[str]]]


@pytest.fixture
def judge(small_branches: Clone, run_in: Callable[..., tuple[int, list[str]]]) -> Judge:
    """Runs the gate on two branches: its exit status, and what it says."""
    return lambda base, head: run_in(small_branches, gate, base=base, head=head)


OPEN = "gate: open, because nothing is worse than main or beyond a limit"
BETTER = "validation_mae: Better in 20 of 20 trainings; the median error went from 0.02 to 0.01"
WORSE = "validation_mae: Worse in 20 of 20 trainings; the median error went from 0.02 to 0.08"
LIMIT = "validation_mae is beyond its limit: 0.08 (limit 0.05)"


@pytest.mark.parametrize(
    ("base", "head", "lines"),
    [
        ("main", "better", [OPEN, BETTER]),
        ("main", "one-training", [OPEN, "validation_mae: Not judged: one training only"]),
        ("main", "beyond", ["gate: closed, compared with main", WORSE, LIMIT]),
        ("beyond", "beyond", ["gate: closed, compared with beyond", LIMIT]),
        ("main", "stale", ["gate: not judged: type `dvc repro`, because the results are stale",
                           "make: changed command"]),
    ],
)  # fmt: skip
def test_a_branch_that_is_worse_stale_or_beyond_a_limit_fails(
    judge: Judge, base: str, head: str, lines: list[str]
) -> None:
    first, *rest = lines
    assert judge(base, head) == (first != OPEN, [first, *[f"  {line}" for line in rest]])


def test_a_branch_is_compared_with_where_it_left_a_base_that_has_moved_on(judge: Judge) -> None:
    status, (_, verdict, conflict, moved) = judge("better", "unclear")
    assert status == 0
    assert verdict.endswith("No clear difference: better in 11 of 20 trainings, worse in 9")
    assert conflict == "  Merging better conflicts only in results: make merge BRANCH=better"
    assert moved.startswith("  better has moved on by 1 commit; compared with ")


def test_a_clone_without_a_cache_judges_its_working_tree(
    small_branches: Clone, tmp_path: Path
) -> None:
    small_branches.run("git", "clone", "--quiet", "..", str(tmp_path / "fork"))
    fork = Clone(tmp_path / "fork" / small_branches.path.name, PYTHONPATH=str(ROOT))
    fork.run("git", "checkout", "--quiet", "origin/worse", "--", ".")
    done = fork.try_run("python", "-m", "plumbline", "gate", "main")
    assert done.returncode == 1
    assert "Worse in 20 of 20 trainings" in done.stdout


@pytest.mark.parametrize("tool", ["gate", "report", "check"])
def test_a_missing_repository_is_one_line(tmp_path: Path, tool: str) -> None:
    outside = Clone(tmp_path, PYTHONPATH=str(ROOT), GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    (tmp_path / "gate.yaml").write_text(GATE)
    done = outside.try_run("python", "-m", "plumbline", tool, "main")
    assert done.returncode == 1
    assert re.fullmatch(f"{tool}: fatal: not a git repository.*\n", done.stdout)


def test_a_reader_that_closes_the_pipe_ends_a_command_without_a_word(
    small_branches: Clone,
) -> None:
    command = "python -m plumbline gate main better | true; echo ${PIPESTATUS[0]}"
    assert small_branches.run("bash", "-c", command) == "1\n"
