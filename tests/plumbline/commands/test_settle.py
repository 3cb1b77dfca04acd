"""A merge is settled without a hand: each result is that of a clean run of the merged sources."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from plumbline.review.merging import merge_params
from tests.support.clone import Clone
from tests.support.exercise import ROOT
from tests.support.merges import (
    PARAMS,
    clean_run,
    copy_without_cache,
    make_branch,
    make_project,
    results,
)


def conflict(ours: str, theirs: str) -> tuple[bytes, bytes, bytes, bytes]:
    """Both versions of the parameters, and a file as git leaves it, in which all conflicts."""
    found = f"<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> theirs\n"
    return PARAMS.encode(), ours.encode(), theirs.encode(), found.encode()


def test_a_key_that_only_theirs_changed_gets_their_line() -> None:
    ours, theirs = (PARAMS.replace(f"{key}: 1 ", f"{key}: 2 ") for key in ("lr", "epochs"))
    both = ours.replace("epochs: 1 ", "epochs: 2 ")
    start = PARAMS.index("  lr")
    end = PARAMS.index("  model")
    found = PARAMS[:start] + conflict(ours[start:end], theirs[start:end])[3].decode() + PARAMS[end:]
    merged = merge_params(PARAMS.encode(), ours.encode(), theirs.encode(), found.encode())
    assert merged == both.encode()


def test_a_key_that_both_changed_is_left_to_people() -> None:
    ours, theirs = (PARAMS.replace("lr: 1 ", f"lr: {value} ") for value in (2, 3))
    assert merge_params(*conflict(ours, theirs)) is None


def test_parameters_that_a_person_has_begun_to_edit_are_left_alone() -> None:
    ours, theirs = (PARAMS.replace(f"{key}: 1 ", f"{key}: 2 ") for key in ("lr", "epochs"))
    base, _, _, found = conflict(ours, theirs)
    begun = found.replace(b"dpi: 1 ", b"dpi: 9 ", 1)
    assert merge_params(base, ours.encode(), theirs.encode(), begun) is None


@pytest.fixture(scope="session")
def project(share: Callable[..., Clone]) -> Clone:
    return share("merges", make_project)


@pytest.fixture
def clone(project: Clone, tmp_path: Path) -> Clone:
    """A copy of the small project, its cache and its remote."""
    for name in (project.path.name, "remote"):
        shutil.copytree(project.path.parent / name, tmp_path / name, symlinks=True)
    clone = Clone(tmp_path / project.path.name, OMP_NUM_THREADS="1", PYTHONPATH=str(ROOT))
    clone.run("dvc", "remote", "modify", "--quiet", "there", "url", "../../remote")
    clone.commit("A remote beside the project")
    return clone


def branch(clone: Clone, name: str, file: str, old: str, new: str) -> None:
    """A branch from main with one edit and its results, which the remote has too."""
    clone.run("git", "checkout", "--quiet", "-b", name, "main")
    clone.edit(file, old, new)
    clone.run("dvc", "repro", "--quiet")
    clone.run("dvc", "push", "--quiet")
    clone.commit(name)


def settle(clone: Clone) -> tuple[int, str, list[str]]:
    """The exit status, the last line, and the stages that ran."""
    done = clone.try_run("python", "-m", "plumbline", "settle")
    lines = done.stdout.splitlines()
    ran = [line.split("'")[1] for line in lines if line.startswith("Running stage ")]
    return done.returncode, lines[-1], ran


def fits(command: str) -> str:
    return f"settle: dvc.lock and all results fit the merged sources; type: {command}"


def is_clean(clone: Clone, folder: Path) -> bool:
    """True if git has all results, and they are those of a clean run."""
    unstaged = [line for line in clone.run("git", "status", "--porcelain").splitlines()
                if line[1] != " "]  # fmt: skip
    return not unstaged and results(clone) == clean_run(clone, folder / "clean" / "project")


@pytest.fixture
def rates(clone: Clone) -> Clone:
    """A clone on `ours`, which changed lr; `theirs` changed epochs, on the next line."""
    branch(clone, "theirs", "params.yaml", "epochs: 1 ", "epochs: 2 ")
    branch(clone, "ours", "params.yaml", "lr: 1 ", "lr: 2 ")
    return clone


@pytest.mark.slow
@pytest.mark.parametrize(
    ("operation", "go_on"),
    [
        ("merge", "git commit"),
        ("rebase", "git rebase --continue"),
        ("cherry-pick", "git cherry-pick --continue"),
    ],
)
def test_two_branches_that_changed_neighbouring_parameters_are_merged_without_a_hand(
    rates: Clone, tmp_path: Path, operation: str, go_on: str
) -> None:
    settings = (rates.path / ".git/config").read_bytes()
    assert rates.try_run("git", operation, "theirs").returncode
    assert settle(rates) == (0, fits(go_on), ["fit", "score", "draw"])
    params = yaml.safe_load((rates.path / "params.yaml").read_text())["fit"]
    assert (params["lr"], params["epochs"]) == (2, 2)
    assert is_clean(rates, tmp_path)
    rates.environment["GIT_EDITOR"] = "true"
    rates.run(*go_on.split())
    assert (rates.path / ".git/config").read_bytes() == settings
    assert settle(rates)[1] == "settle: no merge, rebase or cherry-pick is in progress"


@pytest.mark.slow
def test_during_a_conflict_each_command_says_in_one_line_what_to_type(rates: Clone) -> None:
    rates.try_run("git", "merge", "theirs")
    for command in (["check"], ["report", "main"], ["gate", "main"], ["lint"], ["recover"]):
        done = rates.try_run("python", "-m", "plumbline", *command)
        line = f"{command[0]}: a merge is in progress; type: make settle\n"
        assert (done.returncode, done.stdout) == (1, line)


@pytest.mark.slow
def test_what_people_wrote_is_named_alone_and_theirs_is_fetched_where_they_choose_it(
    clone: Clone, tmp_path: Path
) -> None:
    branch(clone, "theirs", "params.yaml", "lr: 1 ", "lr: 3 ")
    branch(clone, "ours", "params.yaml", "lr: 1 ", "lr: 2 ")
    other = copy_without_cache(clone, tmp_path / "other")
    other.environment |= clone.environment
    other.try_run("git", "merge", "theirs")
    status, last, ran = settle(other)
    assert (status, last, ran) == (1, "  params.yaml", [])
    other.run("git", "checkout", "--theirs", "params.yaml")
    other.run("git", "add", "params.yaml")
    assert settle(other) == (0, fits("git commit"), [])
    theirs = {
        name: other.run("git", "show", f"theirs:{name}") for name in ("dvc.lock", "metrics.json")
    }
    assert theirs == {name: (other.path / name).read_text() for name in theirs}
    assert is_clean(other, tmp_path)


@pytest.mark.slow
def test_an_edit_that_was_not_added_is_named(rates: Clone) -> None:
    rates.try_run("git", "merge", "theirs")
    rates.edit("code/fit.py", "NUMBER = 1", "NUMBER = 2")
    assert settle(rates) == (1, "  code/fit.py", [])


@pytest.mark.slow
def test_a_merge_without_a_conflict_keeps_no_entry_that_nobody_ran(
    clone: Clone, tmp_path: Path
) -> None:
    """Comments in two scripts of one stage: git joins both into an entry with the same outputs."""
    branch(clone, "theirs", "code/lib/one.py", "# The end", "# An end")
    branch(clone, "ours", "code/make.py", "# The rest", "# All else")
    clone.run("git", "merge", "--no-commit", "theirs")
    assert settle(clone) == (0, fits("git commit"), ["make"])
    assert is_clean(clone, tmp_path)


@pytest.mark.slow
def test_a_picture_that_one_side_deleted_stays_deleted(clone: Clone, tmp_path: Path) -> None:
    branch(clone, "theirs", "params.yaml", "dpi: 1 ", "dpi: 2 ")
    clone.run("git", "checkout", "--quiet", "-b", "ours", "main")
    clone.edit("dvc.yaml", ",plots/b.png", "")
    clone.edit("dvc.yaml", "    - plots/b.png:\n        cache: false\n", "")
    (clone.path / "plots/b.png").unlink()
    clone.run("dvc", "repro", "--quiet")
    clone.commit("ours")
    clone.try_run("git", "merge", "theirs")
    assert settle(clone) == (0, fits("git commit"), ["draw"])
    assert not (clone.path / "plots/b.png").exists()
    assert is_clean(clone, tmp_path)


WRITTEN = {"dvc.yaml", "params.yaml", "data/table.csv", "data/big.csv.dvc"}


def keys(lock: str) -> dict[str, Any]:
    """What each stage ran with, by name."""
    kinds = ("cmd", "deps", "params")
    return {
        name: [entry.get(kind) for kind in kinds]
        for name, entry in yaml.safe_load(lock)["stages"].items()
    }


@pytest.mark.all
@pytest.mark.parametrize("seed", range(12))
def test_random_branches_merge_to_the_results_of_a_clean_run(
    clone: Clone, tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311
    make_branch(clone, "theirs", draw)
    make_branch(clone, "ours", draw)
    if draw.random() < 0.5:
        environment = clone.environment
        clone = copy_without_cache(clone, tmp_path / "other")
        clone.environment |= environment
    ran = {key: keys(clone.run("git", "show", f"{key}:dvc.lock")) for key in ("ours", "theirs")}
    clone.try_run("git", "merge", "--no-commit", "theirs")
    status, last, stages = settle(clone)
    if status:
        listed = clone.run("git", "ls-files", "--unmerged").splitlines()
        names = {line.partition("\t")[2] for line in listed} & WRITTEN
        for name in names:
            clone.run("git", "checkout", draw.choice(["--ours", "--theirs"]), "--", name)
            clone.run("git", "add", name)
        status, last, stages = settle(clone)
    assert status == 0, last
    now = keys((clone.path / "dvc.lock").read_text())
    assert not [name for name in stages for side in ran.values() if side.get(name) == now[name]]
    assert is_clean(clone, tmp_path)
