"""Finds revisions of the repository in the working folder, and checks them out elsewhere."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from plumbline.core.errors import UserError
from plumbline.lint import declared

# Hooks and the file-system monitor are off, because a branch could run any program with them.
SETTINGS = (
    *(f"core.hooksPath={os.devnull}", "core.fsmonitor=false", "safe.directory=*"),
    *("core.safecrlf=false", "core.splitIndex=false", "user.name=working tree", "user.email="),
)


class Checkout:
    """A project in a checkout of the commit `head`; `checkout_of` makes a temporary one.

    prefix: the project's folder in the repository, such as `models/price/`; empty at its root.
    is_working: True if `head` has the working folder's tracked files, committed or not.
    """

    def __init__(self, root: Path, head: str, prefix: str = "", is_working: bool = True) -> None:
        self.root, self.prefix, self.head, self.is_working = root, prefix, head, is_working
        self.path = root / prefix
        self.dvc_site = root.parent / "site"  # DVC's site_cache_dir
        self.git = partial(git, cwd=self.path)

    def read(self, commit: str, path: str) -> bytes | None:
        """Content of `path` at `commit`, or in the checkout's folder if `commit` is empty.

        None if there is no such file.
        """
        if not commit:
            file = self.path / path
            if os.path.lexists(file) and not file.is_file():
                raise UserError(f"{path}: wanted a file, got something else")
            return file.read_bytes() if file.is_file() else None
        listed = self.git("ls-tree", commit, "--", path)
        return self.git("cat-file", "blob", f"{commit}:./{path}") if listed else None

    def stages(self, path: str, commit: str = "") -> dict[str, Any]:
        """The `stages` of dvc.yaml or dvc.lock, at the commit or in the checkout's folder."""
        return declared.stages(path, self.read(commit, path) or b"")


def git(*arguments: str, cwd: Path | None = None, index: Path | None = None) -> bytes:
    """Standard output of git, without hooks, a file-system monitor or the user's global settings.

    index: a file to use instead of the repository's index.
    """
    options = [part for setting in SETTINGS for part in ("-c", setting)]
    environment = clean_environment() | ({"GIT_INDEX_FILE": str(index)} if index else {})
    return standard_output("git", *options, *arguments, cwd=cwd, env=environment)


HERE = Checkout(Path(), "")


def user_git(*arguments: str) -> bytes:
    """Standard output of git with the user's settings."""
    return standard_output("git", *arguments, env={**os.environ, "LC_ALL": "C"})


def unmerged(folder: str = ":/") -> dict[str, dict[str, str]]:
    """The blob hashes of files in a merge conflict, by path and side: 1 base, 2 ours, 3 theirs.

    The paths are relative to the working folder. The result is empty outside a repository.
    """
    try:
        listed = os.fsdecode(git("ls-files", "--unmerged", "-z", "--", folder)).split("\0")[:-1]
    except UserError:
        return {}
    found: dict[str, dict[str, str]] = {}
    for entry, path in (line.split("\t", 1) for line in listed):
        _, blob, side = entry.split()
        found.setdefault(path, {})[side] = blob
    return found


def find_commit(revision: str | None) -> str:
    """The full hash of a revision: any that git accepts, a remote's branch, or an experiment.

    Without a revision: HEAD or, after edits or in a merge, a new commit of all tracked files.
    """
    commit = _fetch_files(_resolve(revision or "HEAD"))
    return commit if revision else _commit_working_tree(commit)


def find_base(revision: str, head: str) -> tuple[str, str]:
    """The commit at which `head` left the revision, which is also the base of a pull request.

    Also returns a note to print after the revision's name. The note is empty unless the revision
    has newer commits or shares no commit with `head`.
    """
    tip = _resolve(revision)
    try:
        base = _line("merge-base", tip, head)
    except UserError:
        note = "shares no commit with this branch; its latest commit is the base"
        if _line("rev-parse", "--is-shallow-repository") == "true":
            note += "; git fetch --unshallow may fetch a shared one"
        return _fetch_files(tip), note
    newer = int(_line("rev-list", "--count", f"{base}..{tip}"))
    note = f"has {newer} newer commit{'s' * (newer > 1)}; "
    note += f"compared with {base[:12]}, where this branch left it"
    return _fetch_files(base), note if newer else ""


def _resolve(name: str) -> str:
    """The hash that DVC also finds for the name; UserError lists branches and a fetch command."""
    # This call uses the user's settings, so git refuses a repository that somebody else owns.
    shallow = user_git("rev-parse", "--is-shallow-repository") == b"true\n"
    with suppress(UserError):
        return _line("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")

    def commits(*refs: str) -> dict[str, str]:
        listed = git("for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", *refs)
        return dict(line.rsplit(" ", 1) for line in listed.decode().splitlines())

    found = commits(f"refs/remotes/*/{name}", f"refs/exps/*/*/{name}")
    if len({*found.values()}) == 1:
        return next(iter(found.values()))
    text = f"{name}: {'several revisions' if found else 'no such revision'} in this repository"
    if there := [*(found or commits("refs/heads", "refs/remotes"))]:
        text += f"; found {', '.join(there[:5])}{', ...' * (len(there) > 5)}"
    # Unlike a hash, or an expression such as HEAD~1, a branch can be fetched by its name.
    branch = bool(re.fullmatch(r"(?!HEAD\b|[0-9a-f]{7,40}$)\w[\w./-]*", name)) and not found
    if (remote := git("remote").decode().partition("\n")[0]) and (shallow or branch):
        text += f"; if {remote} has {name}: git fetch{' --unshallow' * shallow}"
        text += f" {remote} {name}:refs/remotes/{remote}/{name}" * branch
    raise UserError(text)


def _fetch_files(commit: str) -> str:
    """Fetches the files of the commit that a partial clone lacks, and returns the commit."""
    if any(name.endswith(".promisor") for name in _repo_settings()):
        with TemporaryDirectory(prefix="plumbline-") as folder:
            take = ("--work-tree", folder, "read-tree", "-u", "--reset", commit)
            git(*_no_filters(), *take, index=Path(folder, "index"))
    return commit


def _commit_working_tree(head: str) -> str:
    """A new commit of the tracked files with the parent `head`; `head` if none has changed."""
    # During a merge, the new commit has the same parents as the coming merge commit.
    merging = Path(_line("rev-parse", "--git-path", "MERGE_HEAD"))
    parents = [head, *(merging.read_text().split() if merging.is_file() else [])]
    with _index_without_times() as index:
        run = partial(git, *_no_filters(), index=index)
        # If nothing has changed, nothing is written, because the repository may be read-only.
        if not run("diff", "--name-only", head) and parents == [head]:
            return head
        run("add", "--update", "--", ":/")
        options = [part for parent in parents for part in ("-p", parent)]
        tree = run("write-tree").decode().strip()
        return run("commit-tree", tree, *options, "-m", "The working tree").decode().strip()


def unnoticed_edits() -> list[Path]:
    """The tracked files in the working folder whose changes git does not notice.

    Git compares only size and time. A program that writes git's index within a second of an edit
    can store the old hash with the new time, and then `git add` skips the edit.
    """
    # Unlike `git diff`, `git diff-files` does not write to the index.
    find = partial(git, *_no_filters(), "diff-files", "--name-only", "--relative", "-z")
    with _index_without_times() as copy:
        changed, seen = (find(index=index).split(b"\0")[:-1] for index in (copy, None))
    return [Path(os.fsdecode(name)) for name in changed if name not in seen]


@contextmanager
def _index_without_times() -> Iterator[Path]:
    """A copy of git's index with which git compares the content of files, not their times.

    Git does so if the index is no newer than the files. To compare a file that has a filter, git
    would run the filter, which is not allowed here: if any file has one, git compares times.
    """
    with TemporaryDirectory(prefix="plumbline-") as folder:
        index, real = Path(folder) / "index", Path(_line("rev-parse", "--git-path", "index"))
        if real.exists():
            shutil.copy(real, index)
            if git("ls-files", ":/") == git("ls-files", ":(top,attr:!filter)"):
                os.utime(index, (1, 1))  # 0 would mean that the time is unknown
        yield index


@contextmanager
def checkout_of(revision: str | None) -> Iterator[Checkout]:
    """A checkout of `find_commit(revision)` in a temporary folder."""
    head = find_commit(revision)
    objects, shallow = (Path(_line("rev-parse", "--git-path", n)) for n in ("objects", "shallow"))
    with TemporaryDirectory(prefix="plumbline-", ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve() / "checkout"
        checkout = Checkout(root, head, _line("rev-parse", "--show-prefix"), not revision)
        git("init", "--quiet", "--template=", str(root))
        # Like `git clone --shared`, which cannot clone a shallow repository.
        (root / ".git/objects/info").mkdir(exist_ok=True)
        (root / ".git/objects/info/alternates").write_bytes(os.fsencode(objects.resolve()) + b"\n")
        if shallow.exists():
            shutil.copy(shallow, root / ".git")
        git("checkout", "--quiet", "--detach", head, cwd=root)
        # A commit that is older than the project has neither its folder nor .dvc.
        checkout.path.mkdir(parents=True, exist_ok=True)
        if Path(".dvc").is_dir():
            (checkout.path / ".dvc").mkdir(exist_ok=True)
        yield checkout


def _no_filters() -> list[str]:
    """Options that switch off the repository's filters, for commands that read or write files."""
    names = [name for name in _repo_settings() if name.startswith("filter.")]
    off = [f"{name}={'false' if name.endswith('.required') else ''}" for name in names]
    return [part for setting in off for part in ("-c", setting)]


def _repo_settings() -> list[str]:
    """The names of the settings of the repository and the worktree, with the files they include."""
    return git("config", "--list", "--name-only", "-z").decode().split("\0")


def _line(*arguments: str) -> str:
    return git(*arguments).decode().removesuffix("\n")


def clean_environment() -> dict[str, str]:
    """The environment without git's variables, such as those that git sets for its hooks."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return {**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


def standard_output(*command: str, cwd: Path | None = None, env: dict[str, str]) -> bytes:
    """Standard output of the command; if it fails, UserError with its standard error."""
    done = subprocess.run(  # noqa: S603 (a list of arguments, no shell)
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode != 0:
        errors = done.stderr.decode(errors="replace").replace("ERROR: ", "")
        errors = errors.replace(f"{cwd}{os.sep}", "").strip()
        raise UserError(errors or f"`{' '.join(command)}`: failed without a message")
    return done.stdout
