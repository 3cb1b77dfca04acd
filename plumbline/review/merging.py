"""The results of a merge: each stage's are those of a side that has the merged inputs, or new.

A side is one of the commits that are merged; the first one is ours.
"""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from dvc.utils.serialize import dump_yaml, parse_yaml_for_update

from plumbline.core.errors import UserError
from plumbline.lint import declared
from plumbline.review import diffs, lock
from plumbline.review.git import Checkout, own_git
from plumbline.review.lock import LOCK

HERE = Checkout(Path(), "")
# A conflict in a text: the lines of ours, those of the base if git shows them, those of theirs.
CONFLICT = re.compile(
    rb"(?ms)^<{7} [^\n]*\n(.*?)(?:^\|{7} [^\n]*\n(.*?))?^={7}\n(.*?)^>{7} [^\n]*\n"
)
KEY = re.compile(rb" *[\w.-]+:")


class Side(NamedTuple):
    """A commit, its entries of dvc.lock, and the stages whose sources are as in those entries."""

    commit: str
    entries: dict[str, Any]
    fitting: set[str]

    def has(self, name: str, hashes: dict[str, str], kept: list[str]) -> bool:
        """True if the stage ran with these hashes, and git has the results that it keeps."""
        entry = self.entries.get(name, {})
        outs = lock.output_hashes({name: entry})
        return (
            name in self.fitting
            and all(hashes.get(f["path"], f["md5"]) == f["md5"] for f in entry.get("deps", []))
            and all(_md5(HERE.read(self.commit, path)) == outs.get(path) for path in kept)
        )


def settle_results(commits: list[str]) -> list[str]:
    """Makes dvc.lock and all results those of the working tree's sources; the paths for git.

    A stage runs only if no side ran it with these inputs, or nobody has its outputs.
    """
    stages = declared.read(Path())
    kept = {
        name: [
            path
            for path, options in declared.entries({name: entry}, "outs", "metrics", "plots").items()
            if options.get("cache") is False
        ]
        for name, entry in HERE.stages("dvc.yaml").items()
    }
    results = [path for paths in kept.values() for path in paths]
    made = {path for stage in stages.values() for path in stage.outs}
    inputs = {path for stage in stages.values() for path in stage.inputs}
    tracked = {path: f"{path}.dvc" for path in inputs - made if Path(f"{path}.dvc").is_file()}
    hashes = {path: _tracked_md5(file) for path, file in tracked.items()}
    sides = [_read_side(commit, made | tracked.keys()) for commit in commits]
    entries: dict[str, Any] = {}
    for side in reversed(sides):
        _restore(side.commit, results)
        entries = {name: e for name, e in (side.entries | entries).items() if name in stages}
    with diffs.open_repo(HERE) as repo:
        remote = repo.config["core"].get("remote")
    waiting = list(stages)
    while waiting:
        to_run = []
        for name in list(waiting):
            if (stages[name].inputs & made) - hashes.keys():
                continue  # what makes them has to run first
            waiting.remove(name)
            side = next((side for side in sides if side.has(name, hashes, kept[name])), None)
            if side:
                _restore(side.commit, kept[name])
                entries[name] = side.entries[name]
                hashes |= lock.output_hashes({name: entries[name]})
            else:
                to_run.append(name)
        dump_yaml(LOCK, {"schema": "2.0", "stages": entries})
        _dvc("checkout", "--quiet", "--force", "--allow-missing", *stages, *tracked.values())
        if to_run:
            missing = not all(Path(path).exists() for path in hashes)
            _dvc("repro", *(["--pull"] if remote and missing else []), *to_run)
            entries = _entries(LOCK.read_bytes())
            hashes |= lock.output_hashes({n: entries[n] for n in stages if n not in waiting})
    _dvc("repro", "--quiet", "--allow-missing")
    # DVC may have written some of these too.
    ignores = {(Path(path).parent / ".gitignore").as_posix() for path in made}
    return [str(LOCK), *results, *sorted(ignores)]


def merge_params(base: bytes, ours: bytes, theirs: bytes, found: bytes) -> bytes | None:
    """The file with each key's changed line; None if both sides changed one, or a person began to.

    found: the file with conflicts.
    """
    with TemporaryDirectory(prefix="plumbline-") as folder:
        for name, content in (("ours", ours), ("base", base), ("theirs", theirs)):
            (Path(folder) / name).write_bytes(content)

        def merge(option: str) -> bytes:
            command = ["git", "merge-file", "-p", option, "ours", "base", "theirs"]
            return subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout  # noqa: S603

        views = {"--ours": rb"\1", "--theirs": rb"\3"}
        if any(CONFLICT.sub(view, found) != merge(option) for option, view in views.items()):
            return None
        try:
            return CONFLICT.sub(_merge_lines, merge("--diff3"))
        except ValueError:
            return None


def _merge_lines(conflict: re.Match[bytes]) -> bytes:
    """The lines of ours with those that only theirs changed; ValueError if both changed one."""
    sides = [part.splitlines(True) for part in conflict.groups()]
    lines = [*zip(*sides, strict=True)]
    for ours, base, theirs in lines:
        keys = {match and match[0] for match in map(KEY.match, (ours, base, theirs))}
        if len(keys) > 1 or (ours != base and theirs not in (base, ours)):
            raise ValueError
    return b"".join(theirs if ours == base else ours for ours, base, theirs in lines)


def _read_side(commit: str, data: set[str]) -> Side:
    """The side of the commit; data: the paths whose hashes are compared later."""
    lock.load(HERE, commit)  # refuses a lock that is cut
    content = HERE.read(commit, str(LOCK)) or b"schema: '2.0'\nstages: {}\n"
    LOCK.write_bytes(content)
    changed = {
        name
        for name, changes in diffs.status(HERE).items()
        for change in changes
        if isinstance(change, str) or change.get("changed deps", {}).keys() - data
    }
    entries = _entries(content)
    return Side(commit, entries, entries.keys() - changed)


def _entries(content: bytes) -> dict[str, Any]:
    """The entries of dvc.lock, as DVC reads them to write them again."""
    return parse_yaml_for_update(content.decode(), LOCK).get("stages") or {}


def _tracked_md5(file: str) -> str:
    """The hash of the data that a .dvc file stands for."""
    return str(parse_yaml_for_update(Path(file).read_text(), file)["outs"][0].get("md5"))


def _md5(content: bytes | None) -> str:
    return "" if content is None else hashlib.md5(content, usedforsecurity=False).hexdigest()


def _restore(commit: str, paths: list[str]) -> None:
    """Writes those of the files that the commit has; the index stays as it is."""
    if known := [path for path in paths if HERE.git("ls-tree", commit, "--", path)]:
        own_git("restore", f"--source={commit}", "--worktree", "--", *known)


def _dvc(*arguments: str) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = [sys.executable, "-m", "dvc", *arguments]
    if subprocess.run(command, env={**os.environ, "PATH": path}, check=False).returncode:  # noqa: S603
        raise UserError(
            f"`dvc {arguments[0]}` failed, see above; mend it, git add it, and type: make settle"
        )
