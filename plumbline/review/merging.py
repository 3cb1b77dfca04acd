"""Finish a merge: a result is taken from a commit that ran with its inputs, or made again."""

import posixpath
import re
import subprocess
from contextlib import suppress
from itertools import chain
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import pygit2
from dvc.repo.reproduce import plan_repro
from dvc.utils.serialize import dump_yaml, parse_yaml

from plumbline.core.errors import UserError
from plumbline.core.params import PARAMS, VERSIONS
from plumbline.review import diffs, lock
from plumbline.review.git import HERE, Checkout, find_commit, git, own_git, unmerged
from plumbline.review.lock import LOCK

# Git's files that name the other side's commits while git waits for a person.
WAITING = ["MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "SQUASH_MSG",
           "rebase-merge/stopped-sha", "rebase-apply/original-commit"]  # fmt: skip
MOST = 8  # a squash may name hundreds of commits
# In these files, changes in neighbouring lines are not a conflict, though git says so: it gets the
# files with an extra line after each line.
BY_LINE, BETWEEN = {PARAMS.name, VERSIONS.name}, b"\x01\n"


def settle() -> str:
    """Settles the merge, rebase or cherry-pick in which git stopped; says what to type next."""
    commits = ["HEAD", *_other_commits()]
    if len(commits) == 1 and not unmerged():
        return "every merge is finished; nothing to settle"
    for path, blobs in unmerged(".").items():
        _merge_text(path, *map(blobs.get, "123"))
    made = _results(HERE, *commits)
    modified = own_git("ls-files", "--modified", "-z").decode().split("\0")[:-1]
    for paths, why, cure in [
        (unmerged("."), "both branches changed", "edit them, git add them"),
        (modified, "you edited", "git add them"),
    ]:
        if people := [p for p in paths if not made & {p, *map(str, PurePosixPath(p).parents)}]:
            names = ", ".join(sorted(people))
            raise UserError(f"{why} these files: {names}; {cure}, and type: make settle")
    for path in unmerged("."):
        Path(path).unlink(missing_ok=True)
    try:
        _settle_results(commits)
    except BaseException as error:
        # Git aborts a merge only if the files that it merged are as it left them.
        kept = {*git("ls-files", "-z", "--", *made).decode().split("\0")[:-1]} - {*unmerged()}
        own_git("checkout-index", "--force", "--index", "--", *kept)
        if isinstance(error, UserError):
            raise UserError(f"{error}; fix it, git add it, and type: make settle") from None
        raise
    own_git("add", "--update", "--", ".")  # no other file is modified
    found = re.search(r'"(git [a-z-]+ --continue)"', git("status").decode())
    go_on = found[1] if found else "git commit"
    if left := [*unmerged()]:
        go_on = f"git status; {left[0]} is in conflict too"
    return f"all results fit the merged sources; type: {go_on}"


def conflict_notes(checkout: Checkout, name: str) -> list[str]:
    """What to type if merging the branch would conflict in results alone; otherwise nothing."""
    repo, base = pygit2.Repository(str(checkout.root)), find_commit(name)
    conflicts = {
        next(entry.path for entry in entries if entry): [e and str(e.id) for e in entries]
        for entries in repo.merge_commits(checkout.head, base).conflicts or ()
    }
    made = _results(checkout, checkout.head, base)
    texts = {path: blobs for path, blobs in conflicts.items() if path not in made}
    if not conflicts or any(_merge_lines(path, *blobs)[1] for path, blobs in texts.items()):
        return []
    return [f"Merging {name} conflicts only in results: make merge BRANCH={name}"]


def _other_commits() -> list[str]:
    """The commits that git is merging into HEAD; the parent of one that it is reverting."""
    found = []
    for name in WAITING:
        path = Path(git("rev-parse", "--git-path", name).decode().removesuffix("\n"))
        text = path.read_text(errors="replace") if path.is_file() else ""
        commits = re.findall(r"(?m)^(?:commit )?([0-9a-f]{7,64})$", text)[:MOST]
        found += [f"{commit}^" if name == "REVERT_HEAD" else commit for commit in commits]
    return found


def _results(checkout: Checkout, *commits: str) -> set[str]:
    """The project's dvc.lock, and all that its stages made in one of the commits."""
    made = chain(*(lock.output_hashes(lock.load(checkout, commit)) for commit in commits))
    return {posixpath.join(checkout.prefix, path) for path in (str(LOCK), *made)}


def _merge_text(path: str, *blobs: str | None) -> None:
    """Removes conflicts between neighbouring lines, unless somebody has edited the file.

    Without conflicts, the file is added to git.
    """
    merged, conflicts = _merge_lines(path, *blobs)
    if merged:
        with suppress(UserError):
            git("diff", "--quiet", "AUTO_MERGE", "--", path)
            Path(path).write_bytes(merged)
            if not conflicts:
                own_git("add", "--", path)


def _merge_lines(path: str, *blobs: str | None) -> tuple[bytes, int]:
    """The merged file and the number of its conflicts; empty if the file is not one for this.

    blobs: of the base, ours and theirs.
    """
    if posixpath.basename(path) not in BY_LINE or None in blobs:
        return b"", 1
    with TemporaryDirectory(prefix="plumbline-") as folder:
        for name, blob in zip(("base", "ours", "theirs"), blobs, strict=True):
            text = git("cat-file", "blob", str(blob))
            Path(folder, name).write_bytes(text.replace(b"\n", b"\n" + BETWEEN))
        command = ["git", "merge-file", "-p", "ours", "base", "theirs"]
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)  # noqa: S603
    return done.stdout.replace(BETWEEN, b""), done.returncode


def _settle_results(commits: list[str]) -> None:
    """Makes dvc.lock and all results those of the merged sources, and adds them to git.

    A stage runs only if no commit has its results for these inputs, or a later stage needs data
    that neither the cache nor the remote has.
    """
    locks = {commit: _load(HERE.read(commit, str(LOCK)) or b"") for commit in commits}
    known = [(commit, entry) for commit in commits for entry in locks[commit].values()]
    entries: dict[str, Any] = {}
    _write(entries)  # DVC refuses a dvc.lock with conflicts
    with diffs.open_repo(HERE) as repo:
        found = plan_repro(repo.index.graph)  # each stage after those whose outputs it needs
        data = [stage for stage in found if not stage.cmd]  # what people added
        if data:
            repo.checkout([stage.addressing for stage in data], allow_missing=True)
        hashes = {str(out): out.hash_info.value for stage in data for out in stage.outs}
        stages = [stage for stage in found if stage.relpath == "dvc.yaml"]
        for stage in stages:
            stage.save_deps(allow_missing=True)
        kept = {s.name: [out.def_path for out in s.outs if not out.use_cache] for s in stages}
        for stage in stages:
            inputs = {dep.def_path: dep.hash_info.value for dep in stage.deps}
            needed = sorted(inputs.keys() & hashes.keys())
            inputs |= {path: hashes[path] for path in needed}
            wanted = stage.cmd, inputs, {out.def_path for out in stage.outs}
            for commit, entry in known:
                if _ran_with(entry) == wanted and _restore(commit, entry, kept[stage.name]):
                    entries[stage.name] = entry
                    break
            else:
                print(f"settle: {stage.name}: no branch has its results")
                _write(entries)
                fetch = repo.pull if repo.config["core"].get("remote") else repo.checkout
                if needed:
                    fetch(needed, force=True, allow_missing=True)
                # The stages before it run only if nobody has their outputs.
                alone = all(Path(path).exists() for path in needed)
                repo.reproduce([stage.name], single_item=alone)
                entries = _load(LOCK.read_bytes())
            hashes |= lock.output_hashes(entries)
        order = [*chain(*locks.values()), *entries]
        _write({name: entries[name] for name in order if name in entries})
        repo.checkout(["dvc.yaml"], force=True, allow_missing=True)
        repo.reproduce(allow_missing=True)
    own_git("add", "--", str(LOCK), *chain(*kept.values()))


def _load(content: bytes) -> dict[str, Any]:
    """The entries of dvc.lock, with numbers as DVC reads them."""
    entries: dict[str, Any] = parse_yaml(content, LOCK).get("stages") or {}
    return entries


def _write(entries: dict[str, Any]) -> None:
    dump_yaml(LOCK, {"schema": "2.0", "stages": entries})


def _ran_with(entry: dict[str, Any]) -> tuple[Any, ...]:
    """The command, the hash or the parameters of each input, and the paths of the outputs."""
    inputs = {file["path"]: file.get("md5") for file in entry.get("deps", [])}
    outs = {file["path"] for file in entry.get("outs", [])}
    return entry.get("cmd"), inputs | entry.get("params", {}), outs


def _restore(commit: str, entry: dict[str, Any], paths: list[str]) -> bool:
    """Writes the commit's version of the files; False if one does not have the entry's hash."""
    outs = lock.output_hashes({"": entry})
    for path in paths:
        content = HERE.read(commit, path) or b""
        if lock.md5(content) != outs[path]:
            return False
        Path(path).write_bytes(content)
    return True
