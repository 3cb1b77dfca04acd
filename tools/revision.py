"""Revisions of the repository that the process runs in, and clones of it to look at them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

# What git sets for its hooks would turn each clone's git back to the repository of the hook.
OF_HOOKS = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"}


class Clone:
    """A clone without data or cache, checked out at the commit `head`."""

    def __init__(self, path: Path, head: str) -> None:
        self.path = path
        self.site = path.parent / "site"  # what DVC keeps about a repository outside of it
        self.head = head

    def git(self, *arguments: str) -> bytes:
        return output("git", *arguments, cwd=self.path)

    def dvc(self, *arguments: str) -> bytes:
        """What DVC prints on standard output; ValueError with what it prints as errors if it fails.

        DVC finds the `python` that runs this first.
        """
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        command = (sys.executable, "-m", "dvc", *arguments)
        return output(*command, cwd=self.path, PATH=path, DVC_SITE_CACHE_DIR=str(self.site))

    def read(self, commit: str, path: str) -> bytes | None:
        """The file as the commit has it, None if it has none."""
        if not self.git("ls-tree", commit, "--", path):
            return None
        return self.git("cat-file", "blob", f"{commit}:{path}")

    def stages(self, commit: str, path: str) -> dict[str, Any]:
        """`stages` of dvc.yaml or dvc.lock in the commit, empty if it has none."""
        return stages(path, self.read(commit, path))

    def stages_now(self, path: str) -> dict[str, Any]:
        """`stages` of dvc.lock as a run in the clone left it."""
        return stages(path, (self.path / path).read_bytes())


def stages(path: str, content: bytes | None) -> dict[str, Any]:
    """The stages by name that the content of dvc.yaml or dvc.lock has."""
    try:
        parsed = yaml.safe_load(content or b"")
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: wanted YAML, got: {error}") from None
    found = parsed.get("stages") if isinstance(parsed, dict) else None
    return found if isinstance(found, dict) else {}


def output(*command: str, cwd: Path | None = None, **environment: str) -> bytes:
    """What the command prints on standard output; ValueError with its errors if it fails."""
    inherited = {key: value for key, value in os.environ.items() if key not in OF_HOOKS}
    done = subprocess.run(  # noqa: S603 (a list of arguments, no shell)
        command, cwd=cwd, env={**inherited, **environment}, capture_output=True, check=False
    )
    if done.returncode != 0:
        errors = done.stderr.decode(errors="replace")
        raise ValueError(errors.replace("ERROR: ", "").strip() or f"{command}: failed")
    return done.stdout


def commit(revision: str) -> str:
    """The full hash of the commit that the revision names; ValueError if there is none."""
    output("git", "rev-parse", "--git-dir")
    try:
        found = output("git", "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    except ValueError:
        raise ValueError(f"{revision}: no such revision in this repository") from None
    return found.decode().strip()


def working_tree() -> str:
    """A commit of all that git tracks, as it is in the working tree; no branch has it."""
    # Asked first, because `git stash create` fails where files are newer and yet the same.
    head = commit("HEAD")
    if not output("git", "status", "--porcelain", "--untracked-files=no"):
        return head
    identity = ("-c", "user.name=working tree", "-c", "user.email=")
    return output("git", *identity, "stash", "create").decode().strip()


@contextmanager
def clone_of(head: str) -> Iterator[Clone]:
    """A clone of this repository at the commit, in a temporary folder."""
    top = output("git", "rev-parse", "--show-toplevel").decode().removesuffix("\n")
    with TemporaryDirectory(prefix="plumbline-", ignore_cleanup_errors=True) as folder:
        clone = Clone(Path(folder) / "clone", head)
        output("git", "clone", "--quiet", "--shared", "--no-checkout", top, str(clone.path))
        clone.git("checkout", "--quiet", "--detach", head)
        yield clone
