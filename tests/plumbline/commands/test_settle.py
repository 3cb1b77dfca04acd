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
from tests.support.merges import (
    change,
    copy_without_cache,
    drop_picture,
    is_clean,
    make_pair,
    make_project,
    own_stage,
)

pytestmark = pytest.mark.slow

NOTHING = "settle: every merge is finished; nothing to settle"


def fits(command: str = "git commit") -> str:
    return f"settle: all results fit the merged sources; type: {command}"


@pytest.fixture
def clone(share: Callable[..., Clone], tmp_path: Path) -> Clone:
    """A copy of the small project, its cache and its remote."""
    shared = share("merges", make_project).path
    for folder in (shared.name, "remote"):
        shutil.copytree(shared.parent / folder, tmp_path / folder, symlinks=True)
    return Clone(tmp_path / shared.name, OMP_NUM_THREADS="1", PYTHONPATH=str(ROOT))


def settle(clone: Clone) -> tuple[int, str, list[str]]:
    """The exit status, the last line, and the stages that ran."""
    done = clone.try_run("python", "-m", "plumbline", "settle")
    lines = done.stdout.splitlines()
    return done.returncode, lines[-1], [line[4:] for line in lines if line.startswith("ran ")]


@pytest.mark.parametrize(
    ("operation", "go_on"),
    [
        ("merge", "git commit"),
        pytest.param("merge --squash", "git commit", marks=pytest.mark.all),
        pytest.param("cherry-pick", "git cherry-pick --continue", marks=pytest.mark.all),
    ],
)
def test_two_branches_that_changed_neighbouring_lines_are_merged_without_a_hand(
    clone: Clone, operation: str, go_on: str
) -> None:
    settings = (clone.path / ".git/config").read_bytes()
    assert clone.try_run("git", *operation.split(), "theirs").returncode
    assert settle(clone) == (0, fits(go_on), ["fit", "score", "draw"])
    params = yaml.safe_load((clone.path / "params.yaml").read_text())["fit"]
    assert (params["lr"], params["epochs"]) == (2, 2)
    assert is_clean(clone)
    clone.environment["GIT_EDITOR"] = "true"
    clone.run(*go_on.split())
    assert (clone.path / ".git/config").read_bytes() == settings
    assert settle(clone)[1] == NOTHING


def test_each_stop_of_a_rebase_is_settled(clone: Clone) -> None:
    clone.edit("params.yaml", "dpi: 1 ", "dpi: 2 ")
    clone.run("dvc", "repro", "--quiet")
    clone.commit("later")
    clone.environment["GIT_EDITOR"] = "true"
    clone.try_run("git", "rebase", "theirs")
    for ran in (["fit", "score", "draw"], ["draw"]):
        assert settle(clone) == (0, fits("git rebase --continue"), ran)
        clone.try_run("git", "rebase", "--continue")
    assert is_clean(clone)
    assert settle(clone)[1] == NOTHING


@pytest.mark.all
def test_a_revert_takes_the_results_of_the_commit_before(clone: Clone) -> None:
    clone.edit("params.yaml", "dpi: 1 ", "dpi: 2 ")
    clone.run("dvc", "repro", "--quiet")
    clone.commit("later")
    assert clone.try_run("git", "revert", "HEAD^").returncode
    assert settle(clone) == (0, fits("git revert --continue"), ["draw"])
    assert is_clean(clone)


def test_during_a_conflict_each_command_says_in_one_line_what_to_type(clone: Clone) -> None:
    clone.try_run("git", "merge", "theirs")
    for command in ("check", "report main", "gate main", "lint", "recover", "summary", "accept"):
        done = clone.try_run("python", "-m", "plumbline", *command.split())
        line = f"{command.split()[0]}: a merge is in progress; type: make settle\n"
        assert (done.returncode, done.stdout) == (1, line)


def test_a_note_says_what_to_type_where_results_alone_conflict(clone: Clone) -> None:
    clone.run("git", "checkout", "--quiet", "-b", "other", "theirs")
    clone.edit("params.yaml", "lr: 1 ", "lr: 3 ")
    clone.commit("what ours changed too")
    with chdir(clone.path), checkout_of(find_commit("ours")) as checkout:
        assert conflict_notes(checkout, "theirs") == [
            "Merging theirs conflicts only in results: make merge BRANCH=theirs"
        ]
        assert conflict_notes(checkout, "other") == conflict_notes(checkout, "main") == []


def test_what_people_wrote_is_named_alone_and_theirs_is_fetched_where_they_choose_it(
    clone: Clone, tmp_path: Path
) -> None:
    make_pair(
        clone,
        [edit("params.yaml", "lr: 1 ", "lr: 2 "), edit("params.yaml", "epochs: 1 ", "epochs: 2 ")],
        [edit("params.yaml", "lr: 1 ", "lr: 3 ")],
    )
    other = copy_without_cache(clone, tmp_path / "other")
    other.try_run("git", "merge", "theirs")
    line = "settle: both branches changed these files: params.yaml; edit them, git add them, and "
    assert settle(other) == (1, f"{line}type: make settle", [])
    conflict = (other.path / "params.yaml").read_text().partition("<<<<<<< ")[2]
    assert "epochs" not in conflict.partition(">>>>>>> ")[0]
    other.run("git", "checkout", "theirs", "--", "params.yaml")
    assert settle(other) == (0, fits(), [])
    for name in ("dvc.lock", "metrics.json"):
        assert other.run("git", "show", f"theirs:{name}") == (other.path / name).read_text()
    assert is_clean(other)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("code/fit.py", "you edited these files: code/fit.py; git add them"),
        ("params.yaml", "both branches changed these files: params.yaml; edit them, git add them"),
    ],
)
def test_an_edit_that_was_not_added_is_named_and_left_alone(
    clone: Clone, name: str, line: str
) -> None:
    clone.try_run("git", "merge", "theirs")
    clone.edit(name, "1", "7")
    edited = (clone.path / name).read_bytes()
    assert settle(clone) == (1, f"settle: {line}, and type: make settle", [])
    assert (clone.path / name).read_bytes() == edited


@pytest.mark.all
def test_data_that_dvc_does_not_have_is_not_overwritten(clone: Clone) -> None:
    data = clone.path / "data/big.csv"
    add = [edit("data/big.csv", "1", "2"), lambda clone: clone.run("dvc", "add", "data/big.csv")]
    make_pair(clone, [edit("params.yaml", "lr: 1 ", "lr: 2 ")], add)
    data.write_text("mine\n")
    clone.try_run("git", "merge", "theirs")
    status, last, ran = settle(clone)
    assert (status, "unsaved files" in last, ran) == (1, True, [])
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
    status, last, ran = settle(clone)
    assert (status, ran) == (1, [])
    assert last.startswith("settle: failed to reproduce 'make': failed to run: python code/make.py")
    assert last.endswith("exited with 1; fix it, git add it, and type: make settle")
    clone.run("git", "merge", "--abort")
    assert clone.run("git", "status", "--porcelain") == ""
    clone.run("git", "merge", "--no-commit", "theirs")
    del clone.environment["FAIL"]
    assert settle(clone) == (0, fits(), ["make"])
    assert is_clean(clone)


@pytest.mark.all
def test_a_picture_that_one_side_deleted_and_a_stage_that_it_renamed_stay_so(clone: Clone) -> None:
    make_pair(
        clone,
        [drop_picture, edit("dvc.yaml", "  fit:\n", "  learn:\n")],
        [edit("params.yaml", "dpi: 1 ", "dpi: 2 ")],
    )
    clone.try_run("git", "merge", "theirs")
    assert settle(clone) == (0, fits(), ["draw"])
    assert not (clone.path / "plots/b.png").exists()
    assert is_clean(clone)


@pytest.mark.all
@pytest.mark.parametrize(
    ("theirs", "line"),
    [
        (own_stage("mine", "mine"), fits()),
        (own_stage("own", "own"), "settle: unable to read: 'dvc.yaml', YAML file structure is"),
        (own_stage("mine", "own"), "settle: output 'models/own' is specified in:"),
    ],
)
def test_stages_that_both_added_are_kept_or_are_one_line(
    clone: Clone, theirs: str, line: str
) -> None:
    make_pair(
        clone,
        [edit("dvc.yaml", "  draw:\n", own_stage("own", "own") + "  draw:\n")],
        [edit("dvc.yaml", "  split:\n", theirs + "  split:\n")],
    )
    clone.try_run("git", "merge", "--no-commit", "theirs")
    _, last, ran = settle(clone)
    assert last.startswith(line)
    assert ran == []


def keys(lock: str) -> dict[str, Any]:
    """What each stage ran with, by name."""
    entries = yaml.safe_load(lock)["stages"].items()
    return {
        name: [entry.get(kind) for kind in ("cmd", "deps", "params")] for name, entry in entries
    }


@pytest.mark.all
@pytest.mark.parametrize("seed", range(12))
def test_random_branches_merge_to_the_results_of_a_clean_run(
    clone: Clone, tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311
    make_pair(
        clone,
        [lambda clone: change(clone, draw)] * draw.choice([1, 1, 2, 3]),
        [lambda clone: change(clone, draw)] * draw.choice([1, 1, 2, 3]),
    )
    if draw.random() < 0.5:
        clone = copy_without_cache(clone, tmp_path / "other")
    ran = {key: keys(clone.run("git", "show", f"{key}:dvc.lock")) for key in ("ours", "theirs")}
    clone.try_run("git", "merge", "--no-commit", "theirs")
    status, last, stages = settle(clone)
    if status:  # a person chooses a side
        names = clone.run("git", "diff", "--name-only", "--diff-filter=U").split()
        made = ("dvc.lock", "metrics.json", "plots/")
        for name in [name for name in names if not name.startswith(made)] or ["dvc.yaml"]:
            clone.run("git", "checkout", draw.choice(["ours", "theirs"]), "--", name)
        status, last, stages = settle(clone)
    assert (status, last) == (0, fits())
    now = keys((clone.path / "dvc.lock").read_text())
    assert not [name for name in stages for side in ran.values() if side.get(name) == now[name]]
    assert is_clean(clone)
