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


def test_a_branch_that_is_no_worse_passes(judge: Callable[..., object]) -> None:
    said = "Better in 20 of 20 trainings; the median error went from 0.02 to 0.01"
    why = "gate: open, because nothing is worse than main or beyond a limit"
    assert judge("main", "better") == (True, [why, f"  validation_mae: {said}"])


WORSE = "validation_mae: Worse in 20 of 20 trainings; the median error went from 0.02 to 0.08"
LIMIT = "validation_mae is beyond its limit: 0.08 (limit 0.05)"


@pytest.mark.parametrize(("base", "said"), [("main", [WORSE, LIMIT]), ("beyond", [LIMIT])])
def test_a_branch_that_is_worse_or_beyond_a_limit_fails(
    judge: Callable[..., object], base: str, said: list[str]
) -> None:
    lines = [f"gate: closed, compared with {base}", *[f"  {line}" for line in said]]
    assert judge(base, "beyond") == (False, lines)


def test_a_branch_without_repeated_trainings_passes(
    judge: Callable[..., tuple[bool, list[str]]],
) -> None:
    is_open, (_, line) = judge("main", "one-training")
    assert (is_open, line) == (True, "  validation_mae: Not judged: one training only")


def test_a_note_says_that_a_merge_of_the_base_would_conflict_in_results_alone(
    branches: Clone,
) -> None:
    lines = branches.run("python", "-m", "plumbline", "gate", "smaller", "better").splitlines()
    assert "  Merging smaller conflicts only in results: make merge BRANCH=smaller" in lines


def test_stale_results_are_not_judged(branches: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(branches.path)
    with pytest.raises(SystemExit) as end:
        gate.main(Namespace(base="main", head="stale"))
    first, *lines = str(end.value).splitlines()
    assert first == "gate: not judged: type `dvc repro`, because the results are stale"
    assert "  train: params.yaml: train is modified" in lines


def test_a_branch_is_compared_with_where_it_left_a_base_that_has_moved_on(
    judge: Callable[..., tuple[bool, list[str]]],
) -> None:
    is_open, (_, verdict, *_, note) = judge("better", "unclear")
    assert is_open
    assert verdict.endswith("No clear difference: better in 11 of 20 trainings, worse in 9")
    assert note.startswith("  better has moved on by 1 commit; compared with ")
    is_open, (_, _, *_, note) = judge("better", "worse")
    assert not is_open
    assert note.startswith("  better has moved on by 1 commit; compared with ")


def test_a_clone_without_a_cache_judges_its_working_tree(trainings: Clone, tmp_path: Path) -> None:
    trainings.run("git", "clone", "--quiet", "--branch=better", ".", str(tmp_path / "fork"))
    fork = Clone(tmp_path / "fork", PYTHONPATH=str(ROOT))
    fork.run(
        "git", "checkout", "--quiet", "origin/worse", "--", "dvc.lock", "plots", "metrics.json"
    )
    done = fork.try_run("python", "-m", "plumbline", "gate", "main")
    assert done.returncode == 1
    assert "Worse in 20 of 20 trainings" in done.stdout


@pytest.mark.parametrize("tool", ["gate", "report", "check"])
def test_a_missing_repository_is_one_line(tmp_path: Path, tool: str) -> None:
    outside = Clone(tmp_path, PYTHONPATH=str(ROOT), GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    (tmp_path / "gate.yaml").write_text(GATE)
    done = outside.try_run("python", "-m", "plumbline", tool, "main")
    assert done.returncode == 1
    assert done.stdout.startswith(f"{tool}: fatal: not a git repository")
    assert done.stdout.count("\n") == 1


def test_a_reader_that_closes_the_pipe_ends_a_command_without_a_word(trainings: Clone) -> None:
    command = "python -m plumbline gate main better | true; echo ${PIPESTATUS[0]}"
    clone = Clone(trainings.path, PYTHONPATH=str(ROOT))
    assert clone.run("bash", "-c", command) == "1\n"
