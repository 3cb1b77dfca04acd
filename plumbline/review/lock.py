"""dvc.lock as data: what a stage ran with, how two locks differ, and repairs after a kill."""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from plumbline.core.errors import UserError
from plumbline.lint import declared
from plumbline.review.git import Checkout, git, unseen_files

LOCK = Path("dvc.lock")
# In DVC's folder, which may be above the project.
RWLOCK = Path("tmp/rwlock")
RUNS = "cache/runs/*/*/.*.tmp"
# DVC writes each of its files within this time, in seconds, unless it was killed.
PATIENCE = 1


def load(checkout: Checkout, commit: str) -> dict[str, Any]:
    """The entries of dvc.lock at the commit, by stage; UserError if a killed DVC truncated it."""
    content = checkout.read(commit, str(LOCK))
    if content is not None and is_truncated(content):
        raise UserError(
            f"{LOCK}: cut short, as a killed DVC leaves it; git checkout {LOCK}, then dvc repro"
        )
    return declared.stages(str(LOCK), content or b"")


def load_declared(checkout: Checkout, commit: str) -> dict[str, Any]:
    """The same, without the entries of stages that dvc.yaml no longer has."""
    names = checkout.stages("dvc.yaml", commit).keys()
    return {name: entry for name, entry in load(checkout, commit).items() if name in names}


def input_hashes(entry: dict[str, Any]) -> dict[str, str]:
    """The hash of each dependency by its path."""
    return {file["path"]: file.get("md5", "") for file in entry.get("deps", [])}


def output_hashes(lock: dict[str, Any]) -> dict[str, str]:
    """The hash of each output by its path; lock: the entries by stage."""
    return {
        out["path"]: out.get("md5", "") for entry in lock.values() for out in entry.get("outs", [])
    }


def md5(content: bytes) -> str:
    """The hash that DVC gives a file with this content."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def contradictions(lock: dict[str, Any]) -> Iterator[str]:
    """A line for each stage that ran with a different version of a file than the lock has.

    DVC notices it only where the data is, and a fresh clone has none.
    """
    made = output_hashes(lock)
    for name, entry in lock.items():
        for path, md5 in input_hashes(entry).items():
            if path in made and md5 != made[path]:
                yield f"{name}: ran with a different {path} than dvc.lock has"


def changed_sources(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The dependencies whose hashes differ and that no stage makes, such as scripts and tables."""
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
    """Whether each stage ran, is new, was removed or was skipped, in the order of dvc.lock."""
    found = {name: "removed" for name in old if name not in new}
    for name, entry in new.items():
        skipped = "skipped" if old.get(name) == entry else "ran"
        found[name] = skipped if name in old else "new"
    return found


def is_truncated(lock: bytes) -> bool:
    """True if the end of dvc.lock is missing in a way that DVC refuses or does not notice.

    A lock that ends just before the hash of an output is as good as a whole one: DVC runs or
    restores that output's stage. A merge conflict is not a truncation.
    """
    if b"<<<<<<< " in lock:
        return False
    try:
        stages = yaml.load(lock, declared.LOADER)["stages"]  # noqa: S506 (it makes no objects)
        files = [
            file
            for entry in stages.values()
            for kind in ("deps", "outs")
            for file in (entry["cmd"] and entry.get(kind, []))
        ]
        return not (lock.endswith(b"\n") and all(map(_is_whole, files)))
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, KeyError, TypeError):
        return True


def _is_whole(file: dict[str, Any]) -> bool:
    """False for a hash without what follows it: a size, and the number of files in a folder."""
    if file.get("hash") != "md5":
        return True
    folder = str(file.get("md5")).endswith(".dir")
    wanted = ("md5", "size", "nfiles") if folder else ("md5", "size")
    return all(file.get(key) is not None for key in wanted)


def recover() -> Iterator[str]:
    """Repairs files of a killed DVC, and edits that git overlooks; a line for each repair."""
    if found := _unfinished_files():
        time.sleep(PATIENCE)
    for path in [path for path in found if path in _unfinished_files()]:
        if path == LOCK:
            yield _restore_lock()
        else:
            path.unlink()
            yield f"{path}: deleted; a killed DVC left it half-written"
    for path in unseen_files():
        os.utime(path)
        yield f"{path}: touched; git did not see that it had changed"


def _unfinished_files() -> list[Path]:
    """The files of DVC that are half-written: truncated, or not yet renamed."""
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
    """Replaces dvc.lock with git's, or removes it where git has none that is whole."""
    for revision in ("", "HEAD"):  # what was added, else what was committed
        try:
            content = git("show", f"{revision}:./{LOCK}")
        except UserError:
            continue
        if not is_truncated(content):
            LOCK.write_bytes(content)
            return f"{LOCK}: restored from git; a killed DVC left it half-written"
    LOCK.unlink()
    return f"{LOCK}: deleted; a killed DVC left it half-written, and git has none"
