"""What a killed DVC leaves cut, and how the next run gets past it."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import yaml

from plumbline.core.errors import UserError
from plumbline.review.git import git, unseen_files

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
