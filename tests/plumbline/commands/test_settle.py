"""A settled merge has the results that a clean run of the merged sources produces."""

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

FORGET_DATA = ("git", "clean", "--force", "-dxq")  # also the cache, because a new clone has none
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
    """The last line that `settle` prints, and the stages that it ran."""
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
def test_changes_in_neighbouring_lines_are_merged_without_manual_edits(
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
    assert done == "settle: no merge is in progress; nothing to settle\n"


def test_during_a_conflict_other_commands_print_only_what_to_type(clone: Clone) -> None:
    clone.try_run("git", "merge", "theirs")
    done = clone.try_run("python", "-m", "plumbline", "check")
    line = "check: a merge is in progress; type: make settle\n"
    assert (done.returncode, done.stdout) == (1, line)


def test_a_note_says_what_to_type_if_only_results_conflict(clone: Clone) -> None:
    clone.run("git", "checkout", "--quiet", "-b", "other", "theirs")
    clone.edit("params.yaml", "lr: 1", "lr: 3")
    clone.commit("what ours changed too")
    with chdir(clone.path), checkout_of(find_commit("ours")) as checkout:
        (checkout.path / "metrics.json").write_text("a result of this machine")
        assert conflict_notes(checkout, "other") == conflict_notes(checkout, "main") == []
        note = "A merge of theirs conflicts only in results: make merge BRANCH=theirs"
        assert conflict_notes(checkout, "theirs") == [note]


def test_a_person_resolves_only_files_that_no_stage_makes_and_their_choice_is_kept(
    clone: Clone,
) -> None:
    lr, epochs = (edit("params.yaml", f"{key}: 1", f"{key}: 2") for key in ("lr", "epochs"))
    row, next_row = (edit("data/table.csv", f"\n{i}\n", "\n99\n") for i in (7, 8))
    ours, theirs = (
        [lr, epochs, drop_picture, row],
        [edit("params.yaml", "lr: 1", "lr: 3"), next_row],
    )
    make_pair(clone, ours, theirs)
    shutil.rmtree(clone.path / ".dvc/cache")  # our data is on disk, theirs in the remote
    clone.try_run("git", "merge", "theirs")
    names = "data/table.csv, params.yaml"
    line = f"settle: resolve these files by hand: {names}; git add them, then make settle"
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
def test_earlier_stages_run_only_if_their_outputs_cannot_be_fetched(
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


def test_a_merge_without_a_conflict_reruns_a_mixed_entry_and_can_be_aborted(
    clone: Clone,
) -> None:
    """Both branches edit comments of a stage; git makes an entry of dvc.lock that no run wrote."""
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
    line = "settle: resolve these files by hand: code/fit.py; git add them, then make settle"
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
    if FITS not in last:  # do as a person would: choose a side
        names = last.partition("by hand: ")[2].partition(";")[0] or "dvc.yaml"
        clone.run("git", "checkout", draw.choice(["ours", "theirs"]), "--", *names.split(", "))
        last, stages = settle(clone)
    assert last == f"{FITS}commit"
    ran, *known = (inputs(clone, f"{side}:dvc.lock") for side in ("", "ours", "theirs"))
    assert not [name for name in stages for side in known if side.get(name) == ran[name]]
    assert is_clean(clone)


def inputs(clone: Clone, lock: str) -> dict[str, Any]:
    """The command, dependencies and parameters of each stage in `lock`, a revision of dvc.lock."""
    entries = yaml.safe_load(clone.run("git", "show", lock))["stages"].items()
    return {name: [e.get(kind) for kind in ("cmd", "deps", "params")] for name, e in entries}
