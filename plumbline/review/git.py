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
    """A project in a checkout of the commit `head`; `checkout_of` makes a temporary one.

    prefix: the project's folder in the repository, such as `models/price/`; empty for its root.
    """

    def __init__(self, root: Path, head: str, prefix: str = "") -> None:
        self.root, self.prefix, self.head = root, prefix, head
        self.path = root / prefix
        self.site = root.parent / "site"  # for what DVC keeps outside of a repository

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

    def changed(self, old: str, new: str, *paths: str) -> list[str]:
        """The files below the paths that differ between two commits; links are followed.

        An empty `new` is the folder.
        """
        places = [(self.path / path).resolve() for path in paths]
        inside = [str(place) for place in places if place.is_relative_to(self.root)]
        if not inside:
            return []
        commits = filter(None, (old, new))
        names = self.git("diff", "--name-only", "-z", *commits, "--", *inside).decode()
        return [
            Path(os.path.relpath(self.root / name, self.path)).as_posix()
            for name in names.split("\0")[:-1]
        ]

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


def git(
    *arguments: str,
    cwd: Path | None = None,
    settings: dict[str, str] = SAFE,
    index: Path | None = None,
    stdin: bytes = b"",
) -> bytes:
    """The standard output of git, run with these settings and none of its user or of a branch.

    index: a file to use in place of the repository's index.
    """
    options = [part for name, text in settings.items() for part in ("-c", f"{name}={text}")]
    environment = _environment() | ({"GIT_INDEX_FILE": str(index)} if index else {})
    return _output("git", *options, *arguments, cwd=cwd, env=environment, stdin=stdin)


def own_git(*arguments: str) -> bytes:
    """The standard output of git with its user's settings."""
    return _output("git", *arguments, env={**os.environ, "LC_ALL": "C"})


def unmerged() -> list[str]:
    """The files in a merge conflict, relative to the working folder; none outside a repository."""
    try:
        listed = git("ls-files", "--unmerged", "-z", ":/").split(b"\0")[:-1]
    except UserError:
        return []
    return sorted({os.fsdecode(line.partition(b"\t")[2]) for line in listed})


def find_commit(revision: str | None) -> str:
    """The full hash of the commit that the revision names; UserError if it does not exist.

    None stands for the tracked files as they are in the working tree. No branch has that commit.
    """
    # This one call has its user's settings, with which git refuses somebody else's repository.
    shallow = own_git("rev-parse", "--is-shallow-repository").strip()
    try:
        name = f"{revision or 'HEAD'}^{{commit}}"
        commit = git("rev-parse", "--verify", "--end-of-options", name).decode().strip()
    except UserError:
        cure = "; this clone is shallow: git fetch --unshallow" if shallow == b"true" else ""
        text = f"{revision or 'HEAD'}: no such revision in this repository{cure}"
        raise UserError(text) from None
    return commit if revision else _commit_working_tree(commit)


def _commit_working_tree(head: str) -> str:
    """A commit of the tracked files on `head`; `head` itself if it has the same files."""
    settings = _settings()
    with _index_without_times() as index:
        git("add", "--update", "--", ":/", settings=settings, index=index)
        tree = git("write-tree", index=index).decode().strip()
    if tree == git("rev-parse", f"{head}^{{tree}}").decode().strip():
        return head
    message = ("-p", head, "-m", "The working tree")
    return git("commit-tree", tree, *message, settings=settings).decode().strip()


def unseen_files() -> list[Path]:
    """The tracked files that changed and that git takes for unchanged, below the working folder.

    Git looks at size and time only. A program that writes git's index within a second of an edit
    can leave the old hash beside the new time: `git add` then passes over the edit.
    """
    names = ("--name-only", "--relative", "-z")
    with _index_without_times() as index:
        changed = git("diff", *names, settings=_settings(), index=index).split(b"\0")[:-1]
    # Unlike `git diff`, this does not write to the index.
    seen = git("diff-files", *names, settings=_settings()).split(b"\0")[:-1]
    return [Path(os.fsdecode(name)) for name in changed if name not in seen]


@contextmanager
def _index_without_times() -> Iterator[Path]:
    """A copy of git's index for which git compares the content of every file, not its time.

    Files with a filter keep their times: without the filter, which must not run here, their
    content cannot be compared. So do files that the user told git not to look at.
    """
    listed = git("ls-files", "--stage", "-v", "-z", "--full-name", "--", ":(top,attr:!filter)")
    # H: an ordinary file, M: one in a merge conflict.
    ordinary = [line[2:] for line in listed.split(b"\0") if line[:2] in {b"H ", b"M "}]
    entries = b"".join(line + b"\0" for line in ordinary)
    with TemporaryDirectory(prefix="plumbline-") as folder:
        index = Path(folder) / "index"
        own = Path(git("rev-parse", "--git-path", "index").decode().removesuffix("\n"))
        if own.exists():
            shutil.copy(own, index)
        settings = _settings()
        git("update-index", "-z", "--index-info", settings=settings, index=index, stdin=entries)
        yield index


@contextmanager
def checkout_of(head: str) -> Iterator[Checkout]:
    """A checkout of this repository at the commit, in a temporary folder."""
    objects, shallow = (
        Path(git("rev-parse", "--git-path", name).decode().removesuffix("\n")).resolve()
        for name in ("objects", "shallow")
    )
    prefix = git("rev-parse", "--show-prefix").decode().removesuffix("\n")
    with TemporaryDirectory(prefix="plumbline-", ignore_cleanup_errors=True) as folder:
        checkout = Checkout(Path(folder).resolve() / "checkout", head, prefix)
        git("init", "--quiet", "--template=", str(checkout.root))
        # Like `git clone --shared`, which cannot clone a shallow repository.
        own = checkout.root / ".git"
        (own / "objects" / "info").mkdir(exist_ok=True)
        (own / "objects" / "info" / "alternates").write_bytes(os.fsencode(objects) + b"\n")
        if shallow.exists():
            shutil.copy(shallow, own)
        git("checkout", "--quiet", "--detach", head, cwd=checkout.root)
        # A commit before the project has neither its folder nor DVC's.
        checkout.path.mkdir(parents=True, exist_ok=True)
        if Path(".dvc").is_dir():
            (checkout.path / ".dvc").mkdir(exist_ok=True)
        yield checkout


def _settings() -> dict[str, str]:
    """Settings for commands that read the working tree or write an index or a commit."""
    quiet = {"core.safecrlf": "false", "core.splitIndex": "false"}
    author = {"user.name": "working tree", "user.email": ""}
    return {**SAFE, **_filters_off(), **quiet, **author}


def _environment() -> dict[str, str]:
    """The environment without any setting of git, such as those that git makes for its hooks."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return {**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


def _filters_off() -> dict[str, str]:
    """Settings that switch off each filter of the repository's own configuration."""
    listed = git("config", "--local", "--list", "--name-only", "-z").decode().split("\0")
    names = [name for name in listed if name.startswith("filter.")]
    return {name: "false" if name.endswith(".required") else "" for name in names}


def _output(
    *command: str, cwd: Path | None = None, env: dict[str, str], stdin: bytes = b""
) -> bytes:
    """The standard output of the command; UserError with its errors if it fails."""
    done = subprocess.run(  # noqa: S603 (a list of arguments, no shell)
        command, cwd=cwd, env=env, input=stdin, capture_output=True, check=False
    )
    if done.returncode != 0:
        errors = done.stderr.decode(errors="replace").replace("ERROR: ", "").strip()
        raise UserError(errors or f"`{' '.join(command)}`: failed without a message")
    return done.stdout
