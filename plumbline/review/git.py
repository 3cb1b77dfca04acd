"""Revisions of the repository that the process runs in, and clones of it to look at them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

# A hook or a file-system monitor of the repository would run a program of the branch's choice.
NO_PROGRAMS = {"core.hooksPath": os.devnull, "core.fsmonitor": "false"}


class Clone:
    """A clone without data or cache, checked out at the commit `head`."""

    def __init__(self, path: Path, head: str) -> None:
        self.path = path
        self.site = path.parent / "site"  # what DVC keeps about a repository outside of it
        self.head = head

    def git(self, *arguments: str) -> bytes:
        return git(*arguments, cwd=self.path)

    def dvc(self, *arguments: str) -> bytes:
        """What DVC prints on standard output; ValueError with what it prints as errors if it fails.

        DVC finds the `python` that runs this first.
        """
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        settings = ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "DVC_SITE_CACHE_DIR")
        return output(
            *(sys.executable, "-m", "dvc", *arguments),
            cwd=self.path,
            environment={**isolated({}), "PATH": path, **dict.fromkeys(settings, str(self.site))},
        )

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


def isolated(settings: dict[str, str]) -> dict[str, str]:
    """The environment in which git has these settings in place of its user's and the system's."""
    # What git sets for its hooks would turn each clone's git back to the repository of the hook.
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    # Git has judged by its user's own settings whether to trust the repository: see `commit`.
    pairs = {**NO_PROGRAMS, "safe.directory": "*", **settings}.items()
    numbered = {
        f"GIT_CONFIG_{part}_{number}": text
        for number, pair in enumerate(pairs)
        for part, text in zip(("KEY", "VALUE"), pair, strict=True)
    }
    nowhere = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return {**kept, **nowhere, "GIT_CONFIG_COUNT": str(len(pairs)), **numbered}


def git(*arguments: str, cwd: Path | None = None, settings: dict[str, str] | None = None) -> bytes:
    """What git prints on standard output, whatever its user or a branch has set for it."""
    return output("git", *arguments, cwd=cwd, environment=isolated(settings or {}))


def output(
    *command: str, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> bytes:
    """What the command prints on standard output; ValueError with its errors if it fails."""
    done = subprocess.run(  # noqa: S603 (a list of arguments, no shell)
        command, cwd=cwd, env=environment, capture_output=True, check=False
    )
    if done.returncode != 0:
        errors = done.stderr.decode(errors="replace").replace("ERROR: ", "").strip()
        raise ValueError(errors or f"`{' '.join(command)}`: failed and said nothing")
    return done.stdout


def commit(revision: str) -> str:
    """The full hash of the commit that the revision names; ValueError if there is none."""
    # With its user's settings, by which git refuses a repository that is somebody else's.
    shallow = output("git", "rev-parse", "--is-shallow-repository").strip() == b"true"
    try:
        found = git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    except ValueError:
        cure = "; this clone is shallow: git fetch --unshallow" if shallow else ""
        raise ValueError(f"{revision}: no such revision in this repository{cure}") from None
    return found.decode().strip()


def filters_off() -> dict[str, str]:
    """The settings that switch off each filter of the repository's own configuration."""
    listed = git("config", "--local", "--list", "--name-only", "-z").decode().split("\0")
    names = [name for name in listed if name.startswith("filter.")]
    return {n: "false" if n.endswith(".required") else "" for n in names}


def working_tree() -> str:
    """A commit of all that git tracks, as it is in the working tree; no branch has it."""
    # Asked first, because `git stash create` fails where files are newer and yet the same.
    head, off = commit("HEAD"), filters_off()
    if not git("status", "--porcelain", "--untracked-files=no", settings=off):
        return head
    identity = {"user.name": "working tree", "user.email": ""}
    return git("stash", "create", settings={**off, **identity}).decode().strip()


@contextmanager
def clone_of(head: str) -> Iterator[Clone]:
    """A clone of this repository at the commit, in a temporary folder."""
    objects, shallow = (
        Path(git("rev-parse", "--git-path", name).decode().removesuffix("\n")).resolve()
        for name in ("objects", "shallow")
    )
    with TemporaryDirectory(prefix="plumbline-", ignore_cleanup_errors=True) as folder:
        clone = Clone(Path(folder) / "clone", head)
        git("init", "--quiet", "--template=", str(clone.path))
        # Like `git clone --shared`, which cannot clone a shallow repository.
        own = clone.path / ".git"
        (own / "objects" / "info").mkdir(exist_ok=True)
        (own / "objects" / "info" / "alternates").write_bytes(os.fsencode(objects) + b"\n")
        if shallow.exists():
            shutil.copy(shallow, own)
        clone.git("checkout", "--quiet", "--detach", head)
        yield clone
