"""Finishes a merge: reuses a stage's results from a branch with the same inputs, or runs it."""

import re
from collections.abc import Iterator
from contextlib import chdir, suppress
from itertools import chain
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from dvc.repo.reproduce import plan_repro
from dvc.utils.serialize import dump_yaml

from plumbline.core.errors import UserError
from plumbline.core.params import PARAMS, VERSIONS
from plumbline.lint import declared
from plumbline.review import dvc_repo, lock
from plumbline.review.git import HERE, Checkout, find_commit, git, unmerged, user_git
from plumbline.review.lock import LOCK

# Git's names for the versions that it merges; each operation defines only some of them.
SIDES = ["HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REBASE_HEAD", "REVERT_HEAD^", ":3"]
BY_LINE = {PARAMS.name, VERSIONS.name}  # changes in neighbouring lines do not conflict here
SPACER = b"\x01\n"  # inserted after each line, so that no two changes are neighbours


def settle() -> str:
    """Settles the merge, rebase or cherry-pick in progress; returns what to type next."""
    status = git("-c", "advice.statusHints=true", "status").decode()
    hint = re.search(r'"(git commit|git [a-z-]+ --continue)"', status)
    if not hint and not unmerged():
        return "no merge is in progress; nothing to settle"
    edited, conflicts = user_git("ls-files", "--modified", "-z"), {*unmerged(".")}
    names = ", ".join(_files_to_edit(".", {*edited.decode().split("\0")[:-1]} - conflicts))
    for path in sorted(conflicts - {*unmerged(".")}):
        print(f"settle: {path}: merged line by line")
    if names:
        raise UserError(f"resolve these files by hand: {names}; git add them, then make settle")
    for path in [*unmerged("."), str(LOCK)]:
        Path(path).unlink(missing_ok=True)  # DVC refuses a dvc.lock with conflicts
    try:
        _settle_results()
    finally:
        # `git merge --abort` fails if a file differs from git's index, so restore all of them.
        user_git("checkout-index", "--all", "--force", "--index")
    return f"all results fit the merged sources; type: {hint[1] if hint else 'git commit'}"


def conflict_notes(checkout: Checkout, name: str) -> list[str]:
    """Merges the branch into the checkout; returns what to type if only results conflict."""
    commit = find_commit(name)
    with chdir(checkout.path):
        git("reset", "--quiet", "--hard")
        with suppress(UserError):  # git fails on a conflict
            git("merge", "--no-commit", commit)
        only_results = bool(unmerged()) and not _files_to_edit(":/", set())
    return [f"A merge of {name} conflicts only in results: make merge BRANCH={name}"] * only_results


def _files_to_edit(folder: str, edited: set[str]) -> list[str]:
    """Merges `BY_LINE` files; returns the edited or conflicting files that no stage makes."""
    for path, blobs in unmerged(".").items():
        if Path(path).name not in BY_LINE or len(blobs) < 3:  # base, ours or theirs lacks it
            continue
        with TemporaryDirectory(prefix="plumbline-") as place, suppress(UserError):
            git("diff", "--quiet", "AUTO_MERGE", "--", path)  # fails if the file was edited by hand
            for side, blob in zip(("base", "ours", "theirs"), blobs.values(), strict=True):
                text = git("cat-file", "blob", blob)
                Path(place, side).write_bytes(text.replace(b"\n", b"\n" + SPACER))
            with suppress(UserError):  # git fails on a conflict
                git("merge-file", "ours", "base", "theirs", cwd=Path(place))
            merged = Path(place, "ours").read_bytes().replace(SPACER, b"")
            Path(path).write_bytes(merged)
            if b"<<<<<<< ours" not in merged:
                git("add", "--", path)
    made = {str(LOCK), *chain(*map(lock.output_hashes, _entries(*_versions(str(LOCK)))))}
    names = edited | {*unmerged(folder)}
    return sorted(n for n in names if not made & {n, *map(str, PurePosixPath(n).parents)})


def _settle_results() -> None:
    """Updates dvc.lock and all results to the merged sources, and adds them to git.

    A stage runs only if no branch has results for its inputs, or if a later stage needs
    its data and neither the cache nor the remote has it.
    """
    locks = _entries(*_versions(str(LOCK)))
    made = {*chain(*map(lock.output_hashes, locks))}
    texts = {lock.md5(text): text for path in made for text in _versions(path)}
    entries: dict[str, Any] = {}
    with dvc_repo.open_repo(HERE) as repo:
        hashes = {str(out): out.hash_info.value for out in repo.index.outs if not out.stage.cmd}
        if hashes:  # data that `dvc add` tracks
            repo.checkout([*hashes], allow_missing=True)
        order = plan_repro(repo.index.graph)  # each stage after those whose outputs it needs
        stages = [stage for stage in order if stage.relpath == "dvc.yaml"]
        for stage in stages:
            stage.save_deps(allow_missing=True)
            inputs = {dep.def_path: dep.hash_info.value for dep in stage.deps}
            needed = sorted(inputs.keys() & hashes.keys())
            inputs |= {path: hashes[path] for path in needed}
            wanted = stage.cmd, inputs, {out.def_path for out in stage.outs}
            paths = [out.def_path for out in stage.outs if not out.use_cache]
            for entry in chain(*(version.values() for version in locks)):
                outs = lock.output_hashes({"": entry})
                ran_with = lock.input_hashes(entry) | entry.get("params", {})
                fits = (entry.get("cmd"), ran_with, {*outs}) == wanted
                if fits and all(outs[path] in texts for path in paths):
                    for path in paths:
                        Path(path).write_bytes(texts[outs[path]])
                    entries[stage.name] = entry
                    break
            else:
                print(f"settle: {stage.name}: no branch has results for its inputs, so it runs")
                dump_yaml(LOCK, {"schema": "2.0", "stages": entries})
                fetch = repo.pull if repo.config["core"].get("remote") else repo.checkout
                if needed:
                    fetch(needed, force=True, allow_missing=True)
                # Earlier stages run only if their outputs could not be fetched.
                repo.reproduce([stage.name], single_item=all(Path(p).exists() for p in needed))
                entries |= _entries(LOCK.read_bytes())[0]
            hashes |= lock.output_hashes({"": entries[stage.name]})
        entries = dict.fromkeys(chain(*locks)) | entries  # in the order of dvc.lock
        dump_yaml(LOCK, {"schema": "2.0", "stages": {n: e for n, e in entries.items() if e}})
        repo.checkout(["dvc.yaml"], force=True, allow_missing=True)
        repo.reproduce(allow_missing=True)
        kept = [out.def_path for stage in stages for out in stage.outs if not out.use_cache]
    user_git("add", "--", str(LOCK), *kept)
    user_git("add", "--update", "--", ".")  # the merged sources too


def _entries(*locks: bytes) -> list[dict[str, Any]]:
    """The entries of each version of dvc.lock, with numbers parsed as DVC does."""
    return [declared.stages(str(LOCK), text) for text in dict.fromkeys(locks)]


def _versions(path: str) -> Iterator[bytes]:
    """The file's content in each version that git is merging."""
    for side in SIDES:
        with suppress(UserError):
            yield git("cat-file", "blob", f"{side}:./{path}")
