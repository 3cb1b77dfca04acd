"""Clones of this project, to run commands in."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools import pipeline

ROOT = Path(__file__).parent.parent


class Clone:
    """A clone of the project as it is in the working tree, with an empty cache."""

    def __init__(self, path: Path, **environment: str) -> None:
        self.path = path
        self.environment = {
            **os.environ,
            # The environment of the tests, and nothing that its user has set for git or DVC.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "DVC_GLOBAL_CONFIG_DIR": str(path.parent / "dvc"),
            "DVC_SITE_CACHE_DIR": str(path.parent / "site"),
            **environment,
        }

    def run(self, *command: str) -> str:
        """What the command prints on both streams; CalledProcessError if it fails."""
        done = self.try_run(*command)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def try_run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            cwd=self.path,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def repro(self, *arguments: str) -> list[str]:
        """The stages that `dvc repro` ran, in their order."""
        lines = self.run("dvc", "repro", *arguments).splitlines()
        return [line.split("'")[1] for line in lines if line.startswith("Running stage ")]

    def digests(self) -> dict[str, str]:
        """The SHA-256 of every output, and of dvc.lock; "missing" for a file that is not there."""
        stages = pipeline.read(self.path).values()
        return {
            name: hashlib.sha256((self.path / name).read_bytes()).hexdigest()
            if (self.path / name).is_file()
            else "missing"
            for name in [path for stage in stages for path in stage.outs] + ["dvc.lock"]
        }

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.path / name).read_text(encoding="utf-8")
        assert old in text
        (self.path / name).write_text(text.replace(old, new, 1), encoding="utf-8")


def make_clone(path: Path, **environment: str) -> Clone:
    """Copies what git has or would add into a new repository with one commit."""
    clone = Clone(path, **environment)
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, files.split("\0")):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, path / name)
    clone.run("git", "init", "--quiet", "--initial-branch=main")
    clone.run("git", "config", "user.name", "A Person")
    clone.run("git", "config", "user.email", "person@example.org")
    clone.run("git", "add", "--all")
    clone.run("git", "commit", "--quiet", "--message", "Everything")
    return clone
