"""Finish a merge, rebase or cherry-pick: results that conflict are taken from a side, or remade.

Usage: python -m plumbline settle
"""

import posixpath
from argparse import ArgumentParser, Namespace
from contextlib import chdir, suppress
from pathlib import Path, PurePosixPath

from dvc.utils.fs import remove

from plumbline.core.command import fail, printable
from plumbline.core.errors import UserError
from plumbline.core.params import PARAMS
from plumbline.lint.declared import entries
from plumbline.review.git import git, own_git, unmerged
from plumbline.review.merging import HERE, merge_params, settle_results

# Git's name for the other side while it waits, and the command with which git goes on. A rebase
# has one of the others' names as well.
OTHERS = {
    "REBASE_HEAD": "git rebase --continue",
    "MERGE_HEAD": "git commit",
    "CHERRY_PICK_HEAD": "git cherry-pick --continue",
    "REVERT_HEAD^": "git revert --continue",
}


def add_arguments(parser: ArgumentParser) -> None:
    """The command takes no argument."""


def main(_: Namespace) -> None:
    sides, go_on = _find_operation()
    if not sides:
        if names := unmerged():
            raise UserError(f"wanted a merge, rebase or cherry-pick, got conflicts in {names}")
        print("settle: no merge, rebase or cherry-pick is in progress")
        return
    results = {folder: _results(folder, sides) for folder in _projects(sides)}
    for folder in results:
        with chdir(folder):
            _settle_params()
    made = set().union(*results.values())
    if people := [path for path in unmerged() if not _is_in(path, made)]:
        fail("settle: edit what people wrote, git add it, and type `make settle` again", people)
    edited = own_git("ls-files", "--modified", "-z", ":/").decode().split("\0")[:-1]
    if names := sorted({path for path in edited if not _is_in(path, made)}):
        fail("settle: edited and not added; git add it, and type `make settle` again", names)
    for folder in results:
        with chdir(folder):
            paths = settle_results(sides)
            indexed = git("ls-files", "-z", "--", *paths).decode().split("\0")
            known = [path for path in paths if path in indexed or Path(path).exists()]
            own_git("add", "--all", "--", *known)
    for path in unmerged():  # no stage makes it any more
        remove(path)
        own_git("add", "--all", "--", path)
    print(printable(f"settle: dvc.lock and all results fit the merged sources; type: {go_on}"))


def _find_operation() -> tuple[list[str], str]:
    """The commits that git is merging, ours first, and git's next command; else nothing."""
    folders = [git("rev-parse", "--git-path", f"rebase-{how}") for how in ("merge", "apply")]
    rebasing = any(Path(folder.decode().removesuffix("\n")).is_dir() for folder in folders)
    for name, command in OTHERS.items():
        if name == "REBASE_HEAD" and not rebasing:
            continue  # git leaves the name behind
        with suppress(UserError):
            sides = [git("rev-parse", "--verify", revision) for revision in ("HEAD", name)]
            return [side.decode().strip() for side in sides], command
    return [], ""


def _projects(sides: list[str]) -> list[str]:
    """The folders of this project, and of those below it whose dvc.lock differs between sides."""
    trees = [set(git("ls-tree", "-r", "-z", side).decode().split("\0")) for side in sides]
    differ = {line.partition("\t")[2] for line in trees[0] ^ trees[1]}
    folders = {posixpath.dirname(p) or "." for p in differ if posixpath.basename(p) == "dvc.lock"}
    # A side may have deleted a project.
    return sorted({".", *(folder for folder in folders if Path(folder, "dvc.yaml").is_file())})


def _results(folder: str, sides: list[str]) -> set[str]:
    """The paths that the stages of a side make, and dvc.lock."""
    found = {"dvc.lock"}
    for side in sides:
        stages = HERE.stages(posixpath.normpath(f"{folder}/dvc.yaml"), side)
        found |= entries(stages, "outs", "metrics", "plots").keys()
    return {posixpath.normpath(f"{folder}/{path}") for path in found}


def _is_in(path: str, places: set[str]) -> bool:
    """True if the path is one of the places, or below one."""
    return any(str(place) in places for place in (path, *PurePosixPath(path).parents))


def _settle_params() -> None:
    """Adds params.yaml to git if no key was changed by both sides."""
    listed = git("ls-files", "--unmerged", "-z", "--", str(PARAMS)).split(b"\0")[:-1]
    if len(listed) == 3 and PARAMS.is_file():  # base, ours and theirs
        base, ours, theirs = (git("cat-file", "blob", line.split()[1].decode()) for line in listed)
        merged = merge_params(base, ours, theirs, PARAMS.read_bytes())
        if merged is not None:
            PARAMS.write_bytes(merged)
            own_git("add", "--", str(PARAMS))
