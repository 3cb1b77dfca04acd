"""Finish a merge: a result is taken from a commit that ran with its inputs, or made again."""

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
from plumbline.core.files import parse_yaml
from plumbline.core.params import PARAMS, VERSIONS
from plumbline.review import dvc_repo, lock
from plumbline.review.git import HERE, Checkout, find_commit, git, unmerged, user_git
from plumbline.review.lock import LOCK

# Git's names of the versions that it merges; each operation has some of them.
SIDES = ["HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REBASE_HEAD", "REVERT_HEAD^", ":3"]
BY_LINE = {PARAMS.name, VERSIONS.name}  # changes in neighbouring lines are no conflict here
BETWEEN = b"\x01\n"  # put after each line, so that no two changes are neighbours


def settle() -> str:
    """Settles the merge, rebase or cherry-pick in which git stopped; says what to type next."""
    status = git("-c", "advice.statusHints=true", "status").decode()
    hint = re.search(r'"(git commit|git [a-z-]+ --continue)"', status)
    if not hint and not unmerged():
        return "every merge is finished; nothing to settle"
    edited, conflicts = user_git("ls-files", "--modified", "-z"), {*unmerged(".")}
    names = ", ".join(_files_to_edit(".", {*edited.decode().split("\0")[:-1]} - conflicts))
    for path in sorted(conflicts - {*unmerged(".")}):
        print(f"settle: {path}: merged line by line")
    if names:
        raise UserError(f"these files need you: {names}; edit them, git add them, make settle")
    for path in [*unmerged("."), str(LOCK)]:
        Path(path).unlink(missing_ok=True)  # DVC refuses a dvc.lock with conflicts
    try:
        _settle_results()
    finally:
        # Git gives up a merge only if the files that it merged are as it left them.
        user_git("checkout-index", "--all", "--force", "--index")
    return f"all results fit the merged sources; type: {hint[1] if hint else 'git commit'}"


def conflict_notes(checkout: Checkout, name: str) -> list[str]:
    """Merges the branch into the checkout; says what to type if only results conflict."""
    commit = find_commit(name)
    with chdir(checkout.path):
        git("reset", "--quiet", "--hard")
        with suppress(UserError):  # git tells of conflicts
            git("merge", "--no-commit", commit)
        only_results = bool(unmerged()) and not _files_to_edit(":/", set())
    return [f"Merging {name} conflicts only in results: make merge BRANCH={name}"] * only_results


def _files_to_edit(folder: str, edited: set[str]) -> list[str]:
    """Merges line by line; returns the edited or conflicting files that no stage has made."""
    for path, blobs in unmerged(".").items():
        if Path(path).name not in BY_LINE or len(blobs) < 3:  # one side has no such file
            continue
        with TemporaryDirectory(prefix="plumbline-") as place, suppress(UserError):
            git("diff", "--quiet", "AUTO_MERGE", "--", path)  # fails if somebody has edited it
            for side, blob in zip(("base", "ours", "theirs"), blobs.values(), strict=True):
                text = git("cat-file", "blob", blob)
                Path(place, side).write_bytes(text.replace(b"\n", b"\n" + BETWEEN))
            with suppress(UserError):  # git tells of conflicts
                git("merge-file", "ours", "base", "theirs", cwd=Path(place))
            merged = Path(place, "ours").read_bytes().replace(BETWEEN, b"")
            Path(path).write_bytes(merged)
            if b"<<<<<<< ours" not in merged:
                git("add", "--", path)
    made = {str(LOCK), *chain(*map(lock.output_hashes, _entries(*_versions(str(LOCK)))))}
    names = edited | {*unmerged(folder)}
    return sorted(n for n in names if not made & {n, *map(str, PurePosixPath(n).parents)})


def _settle_results() -> None:
    """Makes dvc.lock and all results those of the merged sources, and adds them to git.

    A stage runs only if no version has its results for these inputs, or a later stage needs data
    that neither the cache nor the remote has.
    """
    locks = _entries(*_versions(str(LOCK)))
    made = {*chain(*map(lock.output_hashes, locks))}
    texts = {lock.md5(text): text for path in made for text in _versions(path)}
    entries: dict[str, Any] = {}
    with dvc_repo.open_repo(HERE) as repo:
        hashes = {str(out): out.hash_info.value for out in repo.index.outs if not out.stage.cmd}
        if hashes:  # of data from `dvc add`
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
                print(f"settle: {stage.name}: no branch has its results, so it runs")
                dump_yaml(LOCK, {"schema": "2.0", "stages": entries})
                fetch = repo.pull if repo.config["core"].get("remote") else repo.checkout
                if needed:
                    fetch(needed, force=True, allow_missing=True)
                # The stages before it run only if nobody has their outputs.
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
    """The entries of each version of dvc.lock, with numbers as DVC reads them."""
    return [(parse_yaml(text, LOCK) or {}).get("stages") or {} for text in dict.fromkeys(locks)]


def _versions(path: str) -> Iterator[bytes]:
    """The content of each version of the file."""
    for side in SIDES:
        with suppress(UserError):
            yield git("cat-file", "blob", f"{side}:./{path}")
