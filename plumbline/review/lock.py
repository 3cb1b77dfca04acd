"""Reads and compares versions of dvc.lock; repairs files that a killed DVC left half-written."""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from plumbline.core.errors import UserError
from plumbline.lint import declared
from plumbline.review.git import Checkout, git, unnoticed_edits

LOCK = Path("dvc.lock")
# Both are in the folder .dvc, which may be above the project.
RWLOCK = Path("tmp/rwlock")
RUNS = "cache/runs/*/*/.*.tmp"
# Seconds in which DVC finishes writing any of these files, unless it was killed.
WRITE_SECONDS = 1


def load(checkout: Checkout, commit: str) -> dict[str, Any]:
    """The entries of dvc.lock at the commit, by stage; UserError if a killed DVC truncated it."""
    content = checkout.read(commit, str(LOCK))
    if content is not None and is_truncated(content):
        raise UserError(
            f"{LOCK}: cut short, because DVC was killed; git checkout {LOCK}, then dvc repro"
        )
    return declared.stages(str(LOCK), content or b"")


def load_declared(checkout: Checkout, commit: str) -> dict[str, Any]:
    """Like `load`, but without the entries of stages that dvc.yaml no longer has."""
    names = checkout.stages("dvc.yaml", commit).keys()
    return {name: entry for name, entry in load(checkout, commit).items() if name in names}


def input_hashes(entry: dict[str, Any]) -> dict[str, str]:
    """The hash of each dependency in the entry of a stage, by path."""
    return {file["path"]: file.get("md5", "") for file in entry.get("deps", [])}


def output_hashes(lock: dict[str, Any]) -> dict[str, str]:
    """The hash of each output of all stages, by path; lock: the entries by stage."""
    return {
        out["path"]: out.get("md5", "") for entry in lock.values() for out in entry.get("outs", [])
    }


def md5(content: bytes) -> str:
    """The hash that DVC records for a file with this content."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def contradictions(lock: dict[str, Any]) -> Iterator[str]:
    """A line for each dependency whose hash differs from its hash as another stage's output.

    DVC finds these only if the data is in the folder, and a fresh clone has no data.
    """
    made = output_hashes(lock)
    for name, entry in lock.items():
        for path, md5 in input_hashes(entry).items():
            if path in made and md5 != made[path]:
                yield f"{name}: ran with a different {path} than the one in dvc.lock"


def changed_sources(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The changed dependencies that no stage produces, such as scripts and tables."""
    before, after = (
        {
            path: md5
            for entry in lock.values()
            for path, md5 in input_hashes(entry).items()
            if path not in output_hashes(lock)
        }
        for lock in (old, new)
    )
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))


def stage_changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    """The change to each stage, in the order of dvc.lock: removed, new, ran or skipped."""
    found = {name: "removed" for name in old if name not in new}
    for name, entry in new.items():
        change = "skipped" if old.get(name) == entry else "ran"
        found[name] = change if name in old else "new"
    return found


def is_truncated(lock: bytes) -> bool:
    """True if dvc.lock is cut short such that DVC fails on it, or does not notice the loss.

    False if the lock ends just before the hash of an output: DVC then runs that output's stage,
    or restores its results. False for a merge conflict.
    """
    if b"<<<<<<< " in lock:
        return False
    try:
        stages = declared.load(str(LOCK), lock)["stages"]
        files = [
            file
            for entry in stages.values()
            for kind in ("deps", "outs")
            for file in (entry["cmd"] and entry.get(kind, []))
        ]
        return not (lock.endswith(b"\n") and all(map(_is_whole, files)))
    except (UserError, AttributeError, KeyError, TypeError):
        return True


def _is_whole(file: dict[str, Any]) -> bool:
    """False if the size of a hashed file, or the number of files in a folder, is missing."""
    if file.get("hash") != "md5":
        return True
    folder = str(file.get("md5")).endswith(".dir")
    wanted = ("md5", "size", "nfiles") if folder else ("md5", "size")
    return all(file.get(key) is not None for key in wanted)


def recover() -> Iterator[str]:
    """Repairs DVC's half-written files, touches edited files that git misses, and reports each."""
    if found := _unfinished_files():
        time.sleep(WRITE_SECONDS)
    for path in [path for path in found if path in _unfinished_files()]:
        if path == LOCK:
            yield _restore_lock()
        else:
            path.unlink()
            yield f"{path}: deleted; a killed DVC left it half-written"
    for path in unnoticed_edits():
        os.utime(path)
        yield f"{path}: touched; git did not see that it had changed"


def _unfinished_files() -> list[Path]:
    """DVC's half-written files: truncated ones, and temporary ones that DVC has not renamed."""
    here = Path.cwd()
    above = [Path(*[".."] * up, ".dvc") for up in range(len(here.parents))]
    folder = next((path for path in above if path.is_dir()), Path(".dvc"))
    found, rwlock = sorted(folder.glob(RUNS)), folder / RWLOCK
    if LOCK.is_file() and is_truncated(LOCK.read_bytes()):
        found.append(LOCK)
    if rwlock.is_file():
        try:
            msgspec.json.decode(rwlock.read_bytes())
        except msgspec.DecodeError:
            found.append(rwlock)
    return found


def _restore_lock() -> str:
    """Replaces dvc.lock with git's version, or deletes it if git has no complete version."""
    for revision in ("", "HEAD"):  # the version in git's index, then the one in the last commit
        try:
            content = git("show", f"{revision}:./{LOCK}")
        except UserError:
            continue
        if not is_truncated(content):
            LOCK.write_bytes(content)
            return f"{LOCK}: restored from git; a killed DVC left it half-written"
    LOCK.unlink()
    return f"{LOCK}: deleted; a killed DVC left it half-written, and git has no complete one"
