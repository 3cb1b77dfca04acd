"""Revisions of the repository that the process runs in, and temporary checkouts of them."""

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

from plumbline.core.errors import UserError

# A hook or a file-system monitor of the repository would run a program of the branch's choice.
# Its user's own git has judged whether to trust the repository: see `find_commit`.
SAFE = {"core.hooksPath": os.devnull, "core.fsmonitor": "false", "safe.directory": "*"}


class Checkout:
    """A folder of a repository that has the commit `head`; `checkout_of` makes a temporary one."""

    def __init__(self, path: Path, head: str) -> None:
        self.path = path
        self.site = path.parent / "site"  # for what DVC keeps outside of a repository
        self.head = head

    def git(self, *arguments: str) -> bytes:
        return git(*arguments, cwd=self.path)

    def dvc(self, *arguments: str) -> bytes:
        """The standard output of DVC, whose stages run with this Python; UserError if it fails."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        settings = ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "DVC_SITE_CACHE_DIR")
        environment = {**_environment(), "PATH": path, **dict.fromkeys(settings, str(self.site))}
        return _output(sys.executable, "-m", "dvc", *arguments, cwd=self.path, env=environment)

    def read(self, commit: str, path: str) -> bytes | None:
        """The file as the commit has it, or the folder if that is empty; None if it has none."""
        if not commit:
            return (self.path / path).read_bytes()
        if not self.git("ls-tree", commit, "--", path):
            return None
        return self.git("cat-file", "blob", f"{commit}:./{path}")

    def stages(self, path: str, commit: str = "") -> dict[str, Any]:
        """`stages` of dvc.yaml or dvc.lock in the commit, else in the folder; empty for no file."""
        return parse_stages(path, self.read(commit, path))


def parse_stages(path: str, content: bytes | None) -> dict[str, Any]:
    """`stages` of the content of dvc.yaml or dvc.lock; UserError with the path if it is no YAML."""
    try:
        parsed = yaml.safe_load(content or b"")
    except yaml.YAMLError as error:
        raise UserError(f"{path}: wanted YAML, got: {error}") from None
    found = parsed.get("stages") if isinstance(parsed, dict) else None
    return found if isinstance(found, dict) else {}


def git(*arguments: str, cwd: Path | None = None, settings: dict[str, str] = SAFE) -> bytes:
    """The standard output of git, run with these settings and none of its user or of a branch."""
    options = [part for name, text in settings.items() for part in ("-c", f"{name}={text}")]
    return _output("git", *options, *arguments, cwd=cwd, env=_environment())


def find_commit(revision: str | None) -> str:
    """The full hash of the commit that the revision names; UserError if it does not exist.

    None stands for the tracked files as they are in the working tree. No branch has that commit.
    """
    # This one call has its user's settings, with which git refuses somebody else's repository.
    environment = {**os.environ, "LC_ALL": "C"}
    shallow = _output("git", "rev-parse", "--is-shallow-repository", env=environment).strip()
    settings = {**SAFE, **_filters_off(), "user.name": "working tree", "user.email": ""}
    # `git stash create` fails where files have a new time and the old content.
    if not revision and git("status", "--porcelain", "--untracked-files=no", settings=settings):
        return git("stash", "create", settings=settings).decode().strip()
    name = f"{revision or 'HEAD'}^{{commit}}"
    try:
        return git("rev-parse", "--verify", "--end-of-options", name).decode().strip()
    except UserError:
        cure = "; this clone is shallow: git fetch --unshallow" if shallow == b"true" else ""
        raise UserError(f"{revision}: no such revision in this repository{cure}") from None


def uncommitted_files() -> list[str]:
    """The tracked files of the working tree that differ from the last commit."""
    names = git("diff", "--name-only", "-z", "HEAD", settings={**SAFE, **_filters_off()})
    return names.decode().split("\0")[:-1]


@contextmanager
def checkout_of(head: str) -> Iterator[Checkout]:
    """A checkout of this repository at the commit, in a temporary folder."""
    objects, shallow = (
        Path(git("rev-parse", "--git-path", name).decode().removesuffix("\n")).resolve()
        for name in ("objects", "shallow")
    )
    with TemporaryDirectory(prefix="plumbline-", ignore_cleanup_errors=True) as folder:
        checkout = Checkout(Path(folder) / "checkout", head)
        git("init", "--quiet", "--template=", str(checkout.path))
        # Like `git clone --shared`, which cannot clone a shallow repository.
        own = checkout.path / ".git"
        (own / "objects" / "info").mkdir(exist_ok=True)
        (own / "objects" / "info" / "alternates").write_bytes(os.fsencode(objects) + b"\n")
        if shallow.exists():
            shutil.copy(shallow, own)
        checkout.git("checkout", "--quiet", "--detach", head)
        yield checkout


def _environment() -> dict[str, str]:
    """The environment without any setting of git, such as those that git makes for its hooks."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return {**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


def _filters_off() -> dict[str, str]:
    """Settings that switch off each filter of the repository's own configuration."""
    listed = git("config", "--local", "--list", "--name-only", "-z").decode().split("\0")
    names = [name for name in listed if name.startswith("filter.")]
    return {name: "false" if name.endswith(".required") else "" for name in names}


def _output(*command: str, cwd: Path | None = None, env: dict[str, str]) -> bytes:
    """The standard output of the command; UserError with its errors if it fails."""
    done = subprocess.run(  # noqa: S603 (a list of arguments, no shell)
        command, cwd=cwd, env=env, capture_output=True, check=False
    )
    if done.returncode != 0:
        errors = done.stderr.decode(errors="replace").replace("ERROR: ", "").strip()
        raise UserError(errors or f"`{' '.join(command)}`: failed without a message")
    return done.stdout
