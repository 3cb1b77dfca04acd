"""Clones of this project, reset to the exercise, in which tests run commands."""

import hashlib
import os
import shutil
import struct
import subprocess
import sys
from contextlib import chdir
from importlib import import_module
from pathlib import Path
from typing import Any

from plumbline.lint import declared
from tests.support.exercise import GATE, ROOT, pipeline, run_stage, write_params


class Clone:
    """A repository with the project's code, and an environment to run commands in."""

    def __init__(self, path: Path, **environment: str) -> None:
        self.path = path
        # Drop the user's settings for git and DVC, and PYTHONWARNINGS, with which DVC fails. Also
        # drop the variables of `make test`, which would affect a `make` that runs in the clone.
        dropped = ("GIT_", "DVC_", "PYTHONWARNINGS", "MAKE")
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(dropped)},
            "LC_ALL": "C.UTF-8",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "DVC_GLOBAL_CONFIG_DIR": str(path.parent / "dvc"),
            "DVC_SYSTEM_CONFIG_DIR": str(path.parent / "dvc"),
            "DVC_SITE_CACHE_DIR": str(path.parent / "site"),
            **environment,
        }

    def init(self, root: str = ".") -> None:
        """Makes the folder, and a repository in `root`, a path relative to the folder."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.run("git", "init", "--quiet", "--initial-branch=main", root)
        self.run("git", "config", "user.name", "A Person")
        self.run("git", "config", "user.email", "person@example.org")

    def copy(self, path: Path) -> "Clone":
        """A copy of the clone in the folder `path`, with its DVC cache."""
        return Clone(Path(shutil.copytree(self.path, path, symlinks=True)))

    def run(self, *command: str) -> str:
        """Everything that the command prints; AssertionError if it fails."""
        done = self.try_run(*command)
        if done.returncode:
            raise AssertionError(f"{command} failed:\n{done.stdout}")
        return done.stdout

    def try_run(self, *command: str, alone: bool = False) -> "subprocess.CompletedProcess[str]":
        """Runs the command; alone: in its own process group, as a terminal would start it."""
        return subprocess.run(
            command,
            cwd=self.path,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            start_new_session=alone,
        )

    def repro(self, *arguments: str) -> list[str]:
        """The names of the stages that `dvc repro` runs, in order."""
        lines = self.run("dvc", "repro", *arguments).splitlines()
        return [line.split("'")[1] for line in lines if line.startswith("Running stage ")]

    def reproduce(self, *names: str) -> None:
        """Does what `dvc repro` does, but runs all stages, or only these, in this process."""
        with chdir(self.path):
            for name, stage in declared.read(Path()).items():
                if name in (names or [name]):
                    run_stage(import_module(f"stages.{name}"), *stage.cmd[3:])
        self.run("dvc", "commit", "--force", "--quiet")

    def digests(self) -> dict[str, str]:
        """The SHA-256 of every output and of dvc.lock, by path; "missing" for a missing file."""
        stages = declared.read(self.path).values()
        paths = ["dvc.lock", *(path for stage in stages for path in stage.outs)]
        files = {path: self.path / path for path in paths}
        return {
            path: hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "missing"
            for path, file in files.items()
        }

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.path / name).read_text(encoding="utf-8")
        if old not in text:
            raise AssertionError(f"{name} has no {old!r}")
        (self.path / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    def hide_edit(self, name: str) -> None:
        """Updates the file's time and size in git's index, but not its hash, to hide an edit."""
        index = self.path / self.run("git", "rev-parse", "--git-path", "index").strip()
        path, name = self.path / name, self.run("git", "ls-files", "--full-name", name).strip()
        os.utime(path, (1, 1))  # old, since git reads a file that is as new as its index
        stat, content = path.stat(), bytearray(index.read_bytes()[:-20])
        at = content.index(struct.pack(">H", len(name)) + name.encode() + b"\0") - 60
        times = [part for ns in (stat.st_ctime_ns, stat.st_mtime_ns) for part in divmod(ns, 10**9)]
        content[at : at + 24] = struct.pack(">6I", *times, stat.st_dev, stat.st_ino & 0xFFFFFFFF)
        content[at + 36 : at + 40] = struct.pack(">I", stat.st_size)
        index.write_bytes(content + hashlib.sha1(content, usedforsecurity=False).digest())

    def set_params(self, changes: dict[str, Any]) -> None:
        """Writes the exercise's params.yaml with `changes`."""
        write_params(changes, self.path)

    def commit(self, message: str) -> None:
        """Commits everything that git does not ignore."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)


def make_clone(path: Path) -> Clone:
    """A new repository with the project's code and the exercise's pipeline, without results.

    The code is every file of the working tree that git tracks or would add.
    """
    clone = Clone(path)
    results = {"dvc.lock", *(out for stage in declared.read(ROOT).values() for out in stage.outs)}
    files = Clone(ROOT).run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in {*filter(None, files.split("\0"))} - results:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, path / name, follow_symlinks=False)
    (path / "dvc.yaml").write_text(pipeline(), encoding="utf-8")
    write_params({}, path)
    (path / "gate.yaml").write_text(GATE)
    clone.init()
    clone.commit("The code")
    return clone
