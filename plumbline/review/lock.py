"""dvc.lock as data: what a stage ran with, how two locks differ, and what a kill left cut."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from plumbline.core.errors import UserError
from plumbline.review.git import Checkout, git, parse_stages, unseen_files

# The stages whose outputs are the samples.
MAKE_DATA = {"generate", "load", "split"}


def load(checkout: Checkout, commit: str) -> dict[str, Any]:
    """The entries of dvc.lock in the commit, by stage; UserError if a killed DVC cut it short."""
    content = checkout.read(commit, "dvc.lock")
    if content is not None and is_cut(content):
        raise UserError(
            "dvc.lock: cut short, as a killed DVC leaves it; git checkout dvc.lock, then dvc repro"
        )
    return parse_stages("dvc.lock", content)


def output_hashes(lock: dict[str, Any]) -> dict[str, str]:
    """The hash that dvc.lock has of each output, by its path."""
    return {
        out["path"]: out.get("md5", "") for entry in lock.values() for out in entry.get("outs", [])
    }


def contradictions(lock: dict[str, Any]) -> Iterator[str]:
    """A line for each stage that ran with another file than dvc.lock has as the output.

    DVC notices it only where the data is, and a fresh clone has none.
    """
    made = output_hashes(lock)
    for name, entry in lock.items():
        for dependency in entry.get("deps", []):
            path = dependency["path"]
            if path in made and dependency.get("md5") != made[path]:
                yield f"{name}: ran with another {path} than dvc.lock has"


def locked_stages(checkout: Checkout, commit: str) -> dict[str, Any]:
    """The entries of dvc.lock, without those of stages that dvc.yaml no longer has."""
    declared = checkout.stages("dvc.yaml", commit)
    entries = load(checkout, commit)
    return {name: entry for name, entry in entries.items() if name in declared}


def same_data(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """False if both locks have samples and their hashes differ; old, new: the entries by stage."""
    before, after = (
        output_hashes({name: stages[name] for name in MAKE_DATA & stages.keys()})
        for stages in (old, new)
    )
    return not before or not after or before == after


def changed_sources(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The dependencies that no stage makes and whose hashes differ; old, new: entries by stage."""
    before, after = _source_hashes(old), _source_hashes(new)
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))


def _source_hashes(stages: dict[str, Any]) -> dict[str, str]:
    made = output_hashes(stages)
    dependencies = [file for entry in stages.values() for file in entry.get("deps", [])]
    return {file["path"]: file.get("md5", "") for file in dependencies if file["path"] not in made}


def stage_changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    """The fate of each stage, in the order of dvc.lock: ran, new, removed or skipped."""
    found = {name: "removed" for name in old if name not in new}
    for name, entry in new.items():
        skipped = "skipped" if old.get(name) == entry else "ran"
        found[name] = skipped if name in old else "new"
    return found


LOCK = Path("dvc.lock")
# In DVC's folder, which may be above the project.
RWLOCK = Path("tmp/rwlock")
RUNS = "cache/runs/*/*/.*.tmp"
# DVC writes each of its files within this time, in seconds, unless it was killed.
PATIENCE = 1


class _File(msgspec.Struct):
    hash: str = ""
    md5: str = ""
    size: str = ""
    nfiles: str = ""

    def is_whole(self) -> bool:
        folder = self.md5.endswith(".dir")
        return self.hash != "md5" or bool(self.md5 and self.size and (self.nfiles or not folder))


class _Entry(msgspec.Struct):
    cmd: str | list[str]
    deps: list[_File] = []
    outs: list[_File] = []


class _Lock(msgspec.Struct):
    schema: str
    stages: dict[str, _Entry]


def is_cut(lock: bytes) -> bool:
    """True if this content of dvc.lock lacks its end in a way that DVC refuses or overlooks.

    A lock that ends at a line before the hash of an output is as good as a whole one: DVC runs or
    restores that output's stage. A merge conflict is no cut.
    """
    if b"<<<<<<< " in lock:
        return False
    if not lock.endswith(b"\n"):
        return True
    try:
        # The base loader makes nothing but text, lists and dicts.
        content = yaml.load(lock, getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # noqa: S506
        stages = msgspec.convert(content, _Lock).stages
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError):
        return True
    files = [file for entry in stages.values() for file in [*entry.deps, *entry.outs]]
    return not all(file.is_whole() for file in files)


def recover() -> Iterator[str]:
    """Repairs what a killed DVC left cut, and what git overlooks; a line for each repair."""
    if found := _cut_files():
        time.sleep(PATIENCE)
    for path in [path for path in found if path in _cut_files()]:
        if path == LOCK:
            yield _restore_lock()
        else:
            path.unlink()
            yield f"{path}: deleted; a killed DVC left it half-written"
    for path in unseen_files():
        os.utime(path)
        yield f"{path}: touched; git did not see that it had changed"


def _cut_files() -> list[Path]:
    """The files of DVC that are half-written: cut, or not yet renamed."""
    folder = _dvc_folder()
    found, rwlock = sorted(folder.glob(RUNS)), folder / RWLOCK
    if LOCK.is_file() and is_cut(LOCK.read_bytes()):
        found.append(LOCK)
    if rwlock.is_file():
        try:
            msgspec.json.decode(rwlock.read_bytes())
        except msgspec.DecodeError:
            found.append(rwlock)
    return found


def _dvc_folder() -> Path:
    """The `.dvc` of the working folder, or the next one above it, as DVC finds it."""
    for up in range(len(Path.cwd().parents)):
        if (folder := Path(*[".."] * up, ".dvc")).is_dir():
            return folder
    return Path(".dvc")


def _restore_lock() -> str:
    """Replaces dvc.lock by git's, or removes it where git has none that is whole."""
    for revision in ("", "HEAD"):  # what was added, else what was committed
        try:
            content = git("show", f"{revision}:./{LOCK}")
        except UserError:
            continue
        if not is_cut(content):
            LOCK.write_bytes(content)
            return f"{LOCK}: restored from git; a killed DVC left it half-written"
    LOCK.unlink()
    return f"{LOCK}: deleted; a killed DVC left it half-written, and git has none"
