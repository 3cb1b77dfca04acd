"""A merge is settled without a hand: each result is that of a clean run of the merged sources."""

import random
import shutil
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
import yaml

from plumbline.review.git import checkout_of, find_commit
from plumbline.review.merging import conflict_notes
from tests.support.branches import edit
from tests.support.clone import Clone
from tests.support.exercise import ROOT
from tests.support.merges import change, drop_picture, is_clean, make_pair, make_project

pytestmark = pytest.mark.slow

FORGET_DATA = ("git", "clean", "--force", "-dxq")  # the cache too, as a new clone has none
FITS = "settle: all results fit the merged sources; type: git "


@pytest.fixture
def clone(share: Callable[..., Clone], tmp_path: Path) -> Clone:
    """A copy of the small project, its cache and its remote."""
    shared = share("merges", make_project).path
    for folder in (shared.name, "remote"):
        shutil.copytree(shared.parent / folder, tmp_path / folder, symlinks=True)
    return Clone(
        tmp_path / shared.name, OMP_NUM_THREADS="1", PYTHONPATH=str(ROOT), GIT_EDITOR="true"
    )


def settle(clone: Clone) -> tuple[str, list[str]]:
    """The last line, and the stages that ran."""
    done = clone.try_run("python", "-m", "plumbline", "settle")
    lines = done.stdout.splitlines()
    assert done.returncode == (FITS not in lines[-1])
    return lines[-1], [line[4:] for line in lines if line.startswith("ran ")]


@pytest.mark.parametrize(
    ("operation", "go_on"),
    [
        ("merge", "commit"),
        ("rebase", "rebase --continue"),
        pytest.param("cherry-pick", "cherry-pick --continue", marks=pytest.mark.all),
        pytest.param("merge --squash", "commit", marks=pytest.mark.all),
    ],
)
def test_branches_that_changed_neighbouring_lines_are_merged_without_a_hand(
    clone: Clone, operation: str, go_on: str
) -> None:
    settings = (clone.path / ".git/config").read_bytes()
    clone.try_run("git", *operation.split(), "theirs")
    assert settle(clone) == (FITS + go_on, ["fit", "score", "draw"])
    params = yaml.safe_load((clone.path / "params.yaml").read_text())["fit"]
    assert (params["lr"], params["epochs"]) == (2, 2)
    assert is_clean(clone)
    clone.run("git", *go_on.split())
    assert (clone.path / ".git/config").read_bytes() == settings
    done = clone.run("python", "-m", "plumbline", "settle")
    assert done == "settle: every merge is finished; nothing to settle\n"


def test_during_a_conflict_another_command_says_in_one_line_what_to_type(clone: Clone) -> None:
    clone.try_run("git", "merge", "theirs")
    done = clone.try_run("python", "-m", "plumbline", "check")
    line = "check: a merge is in progress; type: make settle\n"
    assert (done.returncode, done.stdout) == (1, line)


def test_a_note_says_what_to_type_where_results_alone_conflict(clone: Clone) -> None:
    clone.run("git", "checkout", "--quiet", "-b", "other", "theirs")
    clone.edit("params.yaml", "lr: 1", "lr: 3")
    clone.commit("what ours changed too")
    with chdir(clone.path), checkout_of(find_commit("ours")) as checkout:
        (checkout.path / "metrics.json").write_text("a result of this machine")
        assert conflict_notes(checkout, "other") == conflict_notes(checkout, "main") == []
        note = "Merging theirs conflicts only in results: make merge BRANCH=theirs"
        assert conflict_notes(checkout, "theirs") == [note]


def test_what_people_wrote_is_named_alone_and_theirs_is_taken_where_they_choose_it(
    clone: Clone,
) -> None:
    lr, epochs = (edit("params.yaml", f"{key}: 1", f"{key}: 2") for key in ("lr", "epochs"))
    row, next_row = (edit("data/table.csv", f"\n{i}\n", "\n99\n") for i in (7, 8))
    ours, theirs = (
        [lr, epochs, drop_picture, row],
        [edit("params.yaml", "lr: 1", "lr: 3"), next_row],
    )
    make_pair(clone, ours, theirs)
    shutil.rmtree(clone.path / ".dvc/cache")  # ours is on disk, theirs in the remote
    clone.try_run("git", "merge", "theirs")
    names = "data/table.csv, params.yaml"
    line = f"settle: these files need you: {names}; edit them, git add them, make settle"
    assert settle(clone) == (line, [])
    conflict = (clone.path / "params.yaml").read_text().partition("<<<<<<< ")[2]
    assert "epochs" not in conflict.partition(">>>>>>> ")[0]
    clone.edit("params.yaml", "lr: 3", "lr: 5")
    edited = (clone.path / "params.yaml").read_text()
    assert settle(clone) == (line, [])
    assert (clone.path / "params.yaml").read_text() == edited
    clone.run("git", "checkout", "theirs", "--", *names.split(", "))
    assert settle(clone) == (f"{FITS}commit", ["draw"])  # without the picture that ours deleted
    assert not (clone.path / "plots/b.png").exists()
    assert is_clean(clone)


@pytest.mark.all
@pytest.mark.parametrize("before", [[], ["make"]])
def test_the_stages_before_run_only_where_nobody_has_their_outputs(
    clone: Clone, before: list[str]
) -> None:
    clone.run(*FORGET_DATA)
    if before:
        shutil.rmtree(clone.path.parent / "remote")
    (clone.path / "data/big.csv").write_text("1\n")
    clone.try_run("git", "merge", "theirs")
    assert settle(clone) == (f"{FITS}commit", [*before, "fit", "score", "draw"])


@pytest.mark.all
def test_data_that_dvc_does_not_have_is_not_overwritten(clone: Clone) -> None:
    data = clone.path / "data/big.csv"
    add = [edit("data/big.csv", "1", "2"), lambda clone: clone.run("dvc", "add", "data/big.csv")]
    make_pair(clone, [edit("params.yaml", "lr: 1", "lr: 2")], add)
    data.write_text("mine\n")
    clone.try_run("git", "merge", "theirs")
    last, ran = settle(clone)
    assert ("unsaved files" in last, ran) == (True, [])
    assert data.read_text() == "mine\n"


def test_a_merge_without_a_conflict_keeps_no_entry_that_nobody_ran_and_can_be_given_up(
    clone: Clone,
) -> None:
    """Comments in two scripts of one stage: git joins both into an entry with the same outputs."""
    make_pair(
        clone,
        [edit("code/make.py", "# The rest", "# All else")],
        [edit("code/lib/one.py", "# The end", "# An end")],
    )
    clone.run("git", "merge", "--no-commit", "theirs")
    clone.environment["FAIL"] = "make"
    last, ran = settle(clone)
    assert last.startswith("settle: failed to reproduce 'make': failed to run: python code/make.py")
    assert ran == []
    clone.run("git", "merge", "--abort")
    assert clone.run("git", "status", "--porcelain") == ""
    clone.run("git", "merge", "--no-commit", "theirs")
    clone.edit("code/fit.py", "1", "7")
    line = "settle: these files need you: code/fit.py; edit them, git add them, make settle"
    assert settle(clone) == (line, [])
    clone.run("git", "checkout", "code/fit.py")
    del clone.environment["FAIL"]
    assert settle(clone) == (f"{FITS}commit", ["make"])
    assert is_clean(clone)


@pytest.mark.all
@pytest.mark.parametrize("seed", range(12))
def test_random_branches_merge_to_the_results_of_a_clean_run(clone: Clone, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311
    pair = ([lambda clone: change(clone, draw)] * draw.choice([1, 1, 2, 3]) for _ in range(2))
    make_pair(clone, *pair)
    if seed % 2:
        clone.run(*FORGET_DATA)
    clone.try_run("git", "merge", "--no-commit", "theirs")
    last, stages = settle(clone)
    if FITS not in last:  # a person chooses a side
        names = last.partition("need you: ")[2].partition(";")[0] or "dvc.yaml"
        clone.run("git", "checkout", draw.choice(["ours", "theirs"]), "--", *names.split(", "))
        last, stages = settle(clone)
    assert last == f"{FITS}commit"
    ran, *known = (inputs(clone, f"{side}:dvc.lock") for side in ("", "ours", "theirs"))
    assert not [name for name in stages for side in known if side.get(name) == ran[name]]
    assert is_clean(clone)


def inputs(clone: Clone, lock: str) -> dict[str, Any]:
    """What each stage ran with, by name."""
    entries = yaml.safe_load(clone.run("git", "show", lock))["stages"].items()
    return {name: [e.get(kind) for kind in ("cmd", "deps", "params")] for name, e in entries}
