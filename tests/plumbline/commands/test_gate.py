"""`make gate` passes a branch that is no worse, current and within the limits, or says why not."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.exercise import ROOT
from tests.support.small import GATE

pytestmark = pytest.mark.slow

Plumbline = Callable[..., tuple[int, list[str]]]
OPEN = "gate: open, because no rule fails, compared with {}"
CLOSED = "gate: closed, compared with {}"
STALE = "gate: not judged, because the results are stale; type: dvc repro"
BETTER = "validation_mae: Better in 20 of 20 trainings; the median error went from 0.02 to 0.01"
WORSE = "validation_mae: Worse in 20 of 20 trainings; the median error went from 0.02 to 0.08"
LIMIT = "validation_mae is beyond its limit: 0.08 (limit 0.05)"


@pytest.mark.parametrize(
    ("base", "head", "lines"),
    [
        ("main", "better", [OPEN, BETTER]),
        ("main", "beyond", [CLOSED, WORSE, LIMIT]),
        ("beyond", "beyond", [CLOSED, LIMIT]),
        ("main", "stale", [STALE, "make: changed command"]),
        ("better", "unclear",
         [OPEN, "validation_mae: No clear difference: better in 11 of 20 trainings, worse in 9",
          "A merge of better conflicts only in results: make merge BRANCH=better",
          "better has 1 newer commit; compared with "]),
    ],
)  # fmt: skip
def test_a_branch_that_is_worse_stale_or_beyond_a_limit_fails(
    small_branches: Clone, plumbline: Plumbline, base: str, head: str, lines: list[str]
) -> None:
    status, said = plumbline(small_branches, "gate", base, head)
    assert status == (lines[0] != OPEN)
    wanted = [lines[0].format(base), *[f"  {line}" for line in lines[1:]]]
    assert [line[: len(start)] for line, start in zip(said, wanted, strict=True)] == wanted


def test_the_gate_judges_the_working_tree_of_a_clone_without_a_cache(
    small_branches: Clone, tmp_path: Path
) -> None:
    small_branches.run("git", "clone", "--quiet", "..", str(tmp_path / "fork"))
    fork = Clone(tmp_path / "fork" / small_branches.path.name, PYTHONPATH=str(ROOT))
    fork.run("git", "checkout", "--quiet", "origin/beyond", "--", ".")
    done = fork.try_run("python", "-m", "plumbline", "gate", "main")
    assert (done.returncode, done.stdout.splitlines()[1]) == (1, f"  {WORSE}")


@pytest.mark.parametrize("tool", ["gate", "report", "check"])
def test_outside_a_repository_a_command_prints_one_line(tmp_path: Path, tool: str) -> None:
    outside = Clone(tmp_path, PYTHONPATH=str(ROOT), GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    (tmp_path / "gate.yaml").write_text(GATE)
    done = outside.try_run("python", "-m", "plumbline", tool, "main")
    assert done.returncode == 1
    assert re.fullmatch(f"{tool}: fatal: not a git repository.*\n", done.stdout)


def test_a_closed_pipe_ends_a_command_with_status_1_and_no_message(small_branches: Clone) -> None:
    command = "python -m plumbline gate main better | true; echo ${PIPESTATUS[0]}"
    assert small_branches.run("bash", "-c", command) == "1\n"
